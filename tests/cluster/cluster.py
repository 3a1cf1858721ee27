"""A real Kubernetes control plane on loopback: etcd, API server, controllers, scheduler, and KWOK for the nodes.

It has no kubelets. KWOK marks nodes and scheduled pods Ready; nothing runs in a pod, nothing is mounted, probed or
routed. Validation, admission, RBAC, quota, scheduling, rollouts, endpoints and garbage collection are the real ones.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from urllib3.exceptions import HTTPError

from .api import Api, ApiError, until
from .crds import UnavailableError, definitions, resources
from .modules import CONTROL_PLANE
from .place import HERE, cache, say
from .processes import Processes, identity, is_alive, remove_leftovers

SERVICE_RANGE = "10.96.0.0/16"
POD_RANGE = "10.244.0.0/16"
START_SECONDS = "tests.inference/start-seconds"
"""Annotation of a pod: how many seconds it takes to become Ready. Without it, `DEFAULT_START`."""
DEFAULT_START = 1.0
"""Seconds a pod takes to become Ready; a pod that needs no time would hide what a switch that waits too little does."""
_START_EXPRESSION = f'.metadata.annotations["{START_SECONDS}"] | if . then rtrimstr("s") + "s" else . end'
"""KWOK takes a duration with its unit, and silently the default for anything else."""
_USERS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kwok": ("kwok", "system:masters"),
}
_READY_SECONDS = 120


class Cluster:
    """One control plane and the folder that is all there is of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.missing: dict[str, str] = {}
        """File names of definitions that could not be had, each with the reason."""
        self._processes = Processes(folder)
        self._tokens: dict[str, str] = {}

    @property
    def api(self) -> Api:
        """A client with an administrator's rights."""
        config = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        server = config["clusters"][0]["cluster"]["server"]
        return Api(server, self.folder / "server.crt", config["users"][0]["user"]["token"])

    @property
    def programs(self) -> Path:
        """The folder of its programs, kubectl among them."""
        return CONTROL_PLANE.installed() / "bin"

    def start(self, *, owned: bool) -> None:
        """Start everything and wait until it works.

        Args:
            owned: whether it ends with this process; the next run cleans up when this process could not.
        """
        remove_leftovers(self.folder.parent)
        programs = self.programs
        started = time.monotonic()
        self.folder.mkdir(parents=True, mode=0o700)
        if owned:
            (self.folder / "owner.json").write_text(json.dumps(identity(os.getpid())), encoding="utf-8")
        try:
            self._start(programs)
            self._prepare()
        except BaseException:
            self.stop()
            raise
        say(f"runs after {time.monotonic() - started:.0f} s ({self.kubeconfig})")

    def stop(self) -> None:
        """Stop its programs by their recorded ids, and remove its folder."""
        self._processes.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, programs: Path) -> None:
        etcd, peer, port, kwok = _free_ports(4)
        server = f"https://127.0.0.1:{port}"
        self._write_identities(server)
        run = self._processes.start
        run(
            "etcd",
            [programs / "etcd", "--data-dir", "data", "--unsafe-no-fsync", "--log-level", "warn", "--name", "e2e",
             "--listen-client-urls", f"http://127.0.0.1:{etcd}", "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
             "--listen-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-cluster", f"e2e=http://127.0.0.1:{peer}"],
        )  # fmt: skip
        run(
            "kube-apiserver",
            [programs / "kube-apiserver", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
             f"--secure-port={port}", f"--etcd-servers=http://127.0.0.1:{etcd}", "--endpoint-reconciler-type=none",
             "--tls-cert-file=server.crt", "--tls-private-key-file=server.key", "--token-auth-file=tokens.csv",
             "--authorization-mode=Node,RBAC", "--allow-privileged=true", "--service-account-key-file=server.key",
             "--service-account-signing-key-file=server.key",
             "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
             f"--service-cluster-ip-range={SERVICE_RANGE}"],
        )  # fmt: skip
        self._until("an API server that is ready", self._is_ready)
        run(
            "kube-controller-manager",
            [programs / "kube-controller-manager", "--kubeconfig=controllers.kubeconfig", "--secure-port=0",
             "--leader-elect=false", "--use-service-account-credentials=true",
             "--service-account-private-key-file=server.key", "--root-ca-file=server.crt",
             f"--service-cluster-ip-range={SERVICE_RANGE}", f"--cluster-cidr={POD_RANGE}",
             "--allocate-node-cidrs=false", "--kube-api-qps=500", "--kube-api-burst=1000",
             "--horizontal-pod-autoscaler-sync-period=2s"],
        )  # fmt: skip
        run(
            "kube-scheduler",
            [programs / "kube-scheduler", "--kubeconfig=scheduler.kubeconfig", "--secure-port=0",
             "--leader-elect=false", "--kube-api-qps=500", "--kube-api-burst=1000"],
        )  # fmt: skip
        stages = self.folder / "stages.yaml"
        stages.write_text(yaml.safe_dump_all(_stages()), encoding="utf-8")
        run(
            "kwok",
            [programs / "kwok", "--kubeconfig=kwok.kubeconfig", f"--config={stages}", "--manage-all-nodes=true",
             f"--cidr={POD_RANGE}", "--node-ip=10.0.0.1", f"--node-port={kwok}",
             f"--server-address=127.0.0.1:{kwok}", "--node-lease-duration-seconds=40"],
            HOME=str(self.folder), KWOK_WORKDIR=str(self.folder),
        )  # fmt: skip

    def _write_identities(self, server: str) -> None:
        root = CONTROL_PLANE.go("env", "GOROOT").strip()
        hosts = "127.0.0.1,localhost,kubernetes.default.svc,10.96.0.1"
        subprocess.run(
            ["go", "run", f"{root}/src/crypto/tls/generate_cert.go", "--ca", "--rsa-bits=2048", f"--host={hosts}"],
            cwd=self.folder, check=True, capture_output=True, env=os.environ | {"GOWORK": "off", "GOFLAGS": ""},
        )  # fmt: skip
        certificate = (self.folder / "cert.pem").rename(self.folder / "server.crt")
        key = (self.folder / "key.pem").rename(self.folder / "server.key")
        key.chmod(0o600)
        lines = []
        for name, (user, group) in _USERS.items():
            token = secrets.token_hex(32)
            lines.append(f'{token},{user},{user},"{group}"\n' if group else f"{token},{user},{user}\n")
            path = self.kubeconfig if name == "admin" else self.folder / f"{name}.kubeconfig"
            _write_private(path, json.dumps(_kubeconfig(server, certificate.read_bytes(), name, token), indent=1))
        _write_private(self.folder / "tokens.csv", "".join(lines))

    def _is_ready(self) -> bool:
        try:
            self.api.request("GET", "/readyz", accept="*/*")
        except (ApiError, HTTPError):
            return False
        return True

    def _until(self, what: str, found: Any) -> None:
        def look() -> Any:
            if died := self._processes.died():
                raise RuntimeError(f"the control plane does not start: {died}")
            return found()

        until(what, look, _READY_SECONDS)

    def _prepare(self) -> None:
        api = self.api
        with ThreadPoolExecutor(4) as pool:
            for definition in definitions():
                try:
                    list(pool.map(api.apply, resources(definition)))
                except UnavailableError as error:
                    self.missing[definition.file] = str(error)
        for entry in yaml.safe_load((HERE / "storage-classes.yaml").read_text(encoding="utf-8")):
            api.apply(_storage_class(**entry))
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"namespace": "default", "name": "default"},
        }
        self._until("default service account", lambda: api.find(account))
        self._until("custom kinds", lambda: all(map(_is_established, _definitions_of(api))))


def run_folder() -> Path:
    """Where the folders of running control planes are."""
    return cache() / "run"


def is_running(folder: Path) -> bool:
    """Whether a control plane of that folder runs."""
    return any(is_alive(json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("run/*.json"))


def _definitions_of(api: Api) -> list[dict[str, Any]]:
    return api.list("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def _is_established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or ()  # null until the controllers have seen it
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)


def _stages() -> list[dict[str, Any]]:
    """What KWOK does to nodes, pods, claims and load balancers: its own stages, and pods that take time to start."""
    files = [*sorted((CONTROL_PLANE.installed() / "stages").glob("*.yaml")), HERE / "volumes.yaml"]
    stages = [stage for path in files for stage in yaml.safe_load_all(path.read_text(encoding="utf-8")) if stage]
    for stage in stages:
        if stage["metadata"]["name"] == "pod-ready":
            stage["spec"]["delay"] = {
                "durationMilliseconds": int(DEFAULT_START * 1000),
                "durationFrom": {"expressionFrom": _START_EXPRESSION},
            }
    return stages


def _storage_class(name: str, provisioner: str, default: bool = False) -> dict[str, Any]:
    notes = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, **notes},
        "provisioner": provisioner,
        "allowVolumeExpansion": True,
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _kubeconfig(server: str, certificate: bytes, user: str, token: str) -> dict[str, Any]:
    name = "inference-e2e"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": base64.b64encode(certificate).decode(),
                },
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
    }


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
