"""The control plane's programs, built once from their Go modules and kept outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .place import MODULE, cache, say

_GO_NAMES = {"server": "etcd"}
"""`go build` names a program after its package, and etcd's is go.etcd.io/etcd/server/v3."""
_STAGES = {
    "node-initialize.yaml": "kustomize/stage/node/fast/node-initialize.yaml",
    "node-heartbeat.yaml": "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod-ready.yaml": "kustomize/stage/pod/fast/pod-ready.yaml",
    "pod-complete.yaml": "kustomize/stage/pod/fast/pod-complete.yaml",
    "pod-delete.yaml": "kustomize/stage/pod/fast/pod-delete.yaml",
}
"""KWOK's own description of what kubelets do, from its module."""
_PROGRESS_SECONDS = 20


class MissingToolError(RuntimeError):
    """Something this machine must have, and how to get it."""


def run_go(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A Go command that has run in the module, well or not.

    Raises:
        MissingToolError: without Go.
    """
    try:
        return subprocess.run(("go", *arguments), cwd=MODULE, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MissingToolError(
            "the control plane is built with Go, and `go` is not on PATH; see https://go.dev/dl"
        ) from None


def go(*arguments: str) -> str:
    """The output of a Go command, run in the module.

    Raises:
        MissingToolError: without Go, or when Go cannot get a module.
    """
    done = run_go(*arguments)
    if done.returncode:
        raise MissingToolError(f"go {' '.join(arguments)} failed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def versions() -> dict[str, str]:
    """Versions of the modules the module asks for itself, from go.mod: `k8s.io/kubernetes` is `v1.36.3`."""
    text = (MODULE / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^\t(\S+) (v\S+)", text.replace(" // indirect", ""), flags=re.MULTILINE))


def installed() -> Path:
    """The folder with `bin/` and `stages/`, built first when this version of the module was not built before.

    Raises:
        MissingToolError: when it cannot be built here.
    """
    digest = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes())
    target = cache() / f"{digest.hexdigest()[:16]}-{os.uname().sysname.lower()}-{os.uname().machine}"
    if target.is_dir():
        return target
    cache().mkdir(parents=True, exist_ok=True)
    with _locked(cache() / "build.lock"):
        if not target.is_dir():
            work = target.with_name(f"{target.name}.new")
            shutil.rmtree(work, ignore_errors=True)
            _build(work / "bin")
            _copy_stages(work / "stages")
            work.rename(target)
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build of the control plane")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(target: Path) -> None:
    say("building it from its Go modules, once: several minutes")
    total = len(go("list", "-deps", "tool").splitlines())
    started = time.monotonic()
    command = ["go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", _linker_flags(), "-o", f"{target}/"]
    target.mkdir(parents=True)
    with subprocess.Popen(
        [*command, "tool"], cwd=MODULE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as build:
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(build.stderr or ()), daemon=True)
        reader.start()
        try:
            while build.poll() is None:
                time.sleep(0.2)
                if (passed := int(time.monotonic() - started)) and passed % _PROGRESS_SECONDS == 0:
                    say(f"{len(lines)} of at most {total} packages compiled, {passed // 60} min {passed % 60:02} s")
                    time.sleep(1)
        except BaseException:
            build.terminate()
            raise
        reader.join()
    if build.returncode:
        raise MissingToolError("the control plane cannot be built:\n" + "".join(lines)[-3000:])
    for built, name in _GO_NAMES.items():
        (target / built).rename(target / name)
    say(f"built in {time.monotonic() - started:.0f} s")


def _linker_flags() -> str:
    """Versions, which the modules leave to the linker: clients cannot parse what an unversioned API server says."""
    version = versions()["k8s.io/kubernetes"]
    major, minor = version.removeprefix("v").split(".")[:2]
    where = "k8s.io/component-base/version"
    values = {
        f"{where}.gitVersion": version,
        f"{where}.gitMajor": major,
        f"{where}.gitMinor": minor,
        f"{where}.gitTreeState": "clean",
        "sigs.k8s.io/kwok/pkg/consts.Version": versions()["sigs.k8s.io/kwok"],
    }
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in values.items())])


def _copy_stages(target: Path) -> None:
    target.mkdir()
    module: dict[str, Any] = json.loads(go("list", "-m", "-json", "sigs.k8s.io/kwok"))
    for name, path in _STAGES.items():
        shutil.copyfile(Path(module["Dir"]) / path, target / name)
