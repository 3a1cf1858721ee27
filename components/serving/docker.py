"""A model server on one machine with Docker: the container of its pod as `docker run` and as a Compose file.

What Kubernetes does around the pod is left out or done by hand: the NetworkPolicy becomes a port on this machine
only, the Secret a variable of the caller's shell, fsGroup a `chown`, and the probes one health check, which Docker
reports but does not act on.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..core.errors import MisfitError
from ..core.manifest import without_none
from ..core.quantity import number
from ..engines.engine import Launch
from ..engines.image_facts import http_tool
from .config import ModelServerConfig
from .pod import STOP_SECONDS, security_of, shared_memory_of, variables

Vendor = Literal["nvidia", "amd"]
_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_]\w*)\))")
"""`$(NAME)`, which Kubernetes replaces in commands and variables, and `$$`, with which it is written literally."""
_GKE_DRIVER = "/usr/local/nvidia/"
"""Where GKE mounts the driver into pods; NVIDIA's container toolkit puts it on the library path instead."""
_AMD_DEVICES = ("/dev/kfd", "/dev/dri")
"""What a container needs of an AMD GPU (huggingface/text-generation-inference docs/source/installation_amd.md)."""
_SCRATCH_OPTIONS = "exec,mode=1777"
"""Engines load libraries that they compile there; a tmpfs of Docker's is noexec otherwise."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container, as both forms of output write it.

    Attributes:
        name: its name, and the Compose service's.
        image: image reference.
        entrypoint: replaces the image's; empty keeps it.
        arguments: arguments.
        working_dir: working directory; empty keeps the image's.
        user: `uid` or `uid:gid`.
        environment: variables with their values.
        handed_over: variables whose values are credentials: taken from the caller's environment, written nowhere.
        port: the port it listens on.
        published: the port of this machine, on its loopback address only.
        cache_path: where the volume of model files is mounted.
        scratch: what else it can write: a tmpfs each.
        shared_memory: size of /dev/shm in Docker's form, `1g`.
        read_only: whether the image's files are read-only.
        health: the command that asks whether it is well; empty when nobody knows what the image has.
        health_interval: seconds between these calls.
        health_timeout: seconds each may take.
        health_retries: failures in a row that make it unhealthy.
        start_seconds: how long it may take to become healthy.
        start_interval: seconds between calls until then.
        stop_seconds: from SIGTERM to SIGKILL.
        gpus: GPUs.
        vendor: whose they are.
        memory: most memory, in bytes; 0 is no limit.
        cpus: most cores; 0 is no limit.
    """

    name: str
    image: str
    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...]
    working_dir: str
    user: str
    environment: Mapping[str, str]
    handed_over: tuple[str, ...]
    port: int
    published: int
    cache_path: str
    scratch: tuple[str, ...]
    shared_memory: str
    read_only: bool
    health: tuple[str, ...]
    health_interval: int
    health_timeout: int
    health_retries: int
    start_seconds: int
    start_interval: int
    stop_seconds: int
    gpus: int
    vendor: Vendor
    memory: int = 0
    cpus: float = 0.0

    @property
    def volume(self) -> str:
        """The volume of model files."""
        return f"{self.name}-models"

    @property
    def owns_volume(self) -> bool:
        """Whether it can write a new volume, which belongs to root."""
        return self.user.partition(":")[0] == "0"


def container(
    name: str, config: ModelServerConfig, launch: Launch, *, gpus: int, vendor: Vendor = "nvidia", published: int = 8080
) -> Container:
    """The container of a model server's pod, for Docker.

    Args:
        name: the model server's name.
        config: its settings.
        launch: what its engine asks for, on as many GPUs.
        gpus: GPUs of this machine that it gets.
        vendor: whose GPUs they are.
        published: port of this machine that leads to it.

    Raises:
        MisfitError: for an argument that holds a credential, which Docker would show to everybody.
    """
    security = security_of(config, launch)
    handed_over = tuple(config.secret_env)
    if config.hf_token and launch.token_env:
        handed_over += (launch.token_env,)
    env = {key: value for key, value in variables(config, launch).items() if key not in handed_over}
    env = {key: _expanded(value, env, handed_over) for key, value in env.items()}
    startup, readiness, liveness = launch.probes
    limits = config.resources
    return Container(
        name=name,
        image=launch.image,
        entrypoint=tuple(_expanded(word, env, handed_over) for word in launch.command),
        arguments=tuple(_expanded(word, env, handed_over) for word in launch.args),
        working_dir=launch.working_dir,
        user=str(security.user) if security.group is None else f"{security.user}:{security.group}",
        environment={key: value for key, value in env.items() if not _is_gke_driver(value)},
        handed_over=handed_over,
        port=launch.port,
        published=published,
        cache_path=launch.cache_path,
        scratch=launch.scratch,
        shared_memory=_docker_size(shared_memory_of(config, launch, gpus)),
        read_only=security.read_only_root,
        health=_health(launch.image, launch.port, readiness.path),
        health_interval=liveness.period_seconds,
        health_timeout=liveness.timeout_seconds,
        health_retries=liveness.failure_threshold,
        start_seconds=startup.budget_seconds,
        start_interval=startup.period_seconds,
        stop_seconds=launch.drain_seconds + STOP_SECONDS,
        gpus=gpus,
        vendor=vendor,
        memory=int(number(limits.memory)) if limits.memory else 0,
        cpus=number(limits.cpu_limit) if limits.cpu_limit else 0.0,
    )


def compose(box: Container) -> dict[str, Any]:
    """The Compose file (github.com/compose-spec/compose-spec), for `docker compose up --wait`."""
    mount = {"type": "volume", "source": box.volume, "target": box.cache_path}
    hardened: dict[str, Any] = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
    environment = {key: _literal(value) for key, value in box.environment.items()}
    environment |= {
        key: f"${{{key}:?set it in the shell or in a file .env beside this one}}" for key in box.handed_over
    }
    services: dict[str, Any] = {}
    if not box.owns_volume:
        services["volume-owner"] = {
            "image": box.image,
            "entrypoint": ["chown", box.user, box.cache_path],
            "user": "0:0",
            "network_mode": "none",
            "volumes": [mount],
            "read_only": True,
            **hardened,
            "cap_add": ["CHOWN"],
        }
    services[box.name] = without_none(
        image=box.image,
        entrypoint=[_literal(word) for word in box.entrypoint] or None,
        command=[_literal(word) for word in box.arguments] or None,
        depends_on=None if box.owns_volume else {"volume-owner": {"condition": "service_completed_successfully"}},
        working_dir=box.working_dir or None,
        user=box.user,
        environment=environment,
        ports=[f"127.0.0.1:{box.published}:{box.port}"],
        volumes=[mount],
        tmpfs=[f"{path}:{_SCRATCH_OPTIONS}" for path in box.scratch] or None,
        shm_size=box.shared_memory,
        read_only=box.read_only,
        **hardened,
        **_compose_gpus(box),
        mem_limit=box.memory or None,
        cpus=box.cpus or None,
        healthcheck={
            "test": ["CMD", *(_literal(word) for word in box.health)],
            "interval": f"{box.health_interval}s",
            "timeout": f"{box.health_timeout}s",
            "retries": box.health_retries,
            "start_period": f"{box.start_seconds}s",
            "start_interval": f"{box.start_interval}s",
        }
        if box.health
        else None,
        stop_grace_period=f"{box.stop_seconds}s",
        restart="unless-stopped",
    )
    return {"name": box.name, "services": services, "volumes": {box.volume: {"name": box.volume}}}


def _compose_gpus(box: Container) -> dict[str, Any]:
    if not box.gpus:
        return {}
    if box.vendor == "amd":
        return {"devices": [f"{path}:{path}" for path in _AMD_DEVICES], "group_add": ["video"]}
    device = {"driver": "nvidia", "count": box.gpus, "capabilities": ["gpu"]}
    return {"deploy": {"resources": {"reservations": {"devices": [device]}}}}


def run_commands(box: Container) -> list[list[str]]:
    """The same as commands: first what a new volume needs, then the server."""
    volume = f"{box.volume}:{box.cache_path}"
    hardened = ["--cap-drop=ALL", "--security-opt=no-new-privileges:true"]
    found = []
    if not box.owns_volume:
        owner = ["docker", "run", "--rm", *hardened, "--cap-add=CHOWN", "--user=0:0", "--network=none", "--read-only"]
        found.append([*owner, f"--volume={volume}", "--entrypoint=chown", box.image, box.user, box.cache_path])
    line = ["docker", "run", "--detach", f"--name={box.name}", "--restart=unless-stopped"]
    if box.gpus and box.vendor == "nvidia":
        line.append(f"--gpus={box.gpus}")
    elif box.gpus:
        line += [*(f"--device={path}" for path in _AMD_DEVICES), "--group-add=video"]
    line += [
        f"--shm-size={box.shared_memory}",
        f"--publish=127.0.0.1:{box.published}:{box.port}",
        f"--volume={volume}",
        f"--user={box.user}",
        *hardened,
        *(["--read-only"] if box.read_only else []),
        *(f"--tmpfs={path}:{_SCRATCH_OPTIONS}" for path in box.scratch),
        *([f"--workdir={box.working_dir}"] if box.working_dir else []),
        *([f"--memory={box.memory}"] if box.memory else []),
        *([f"--cpus={box.cpus:g}"] if box.cpus else []),
        f"--stop-timeout={box.stop_seconds}",
        *(f"--env={key}={value}" for key, value in box.environment.items()),
        # Without a value: Docker takes it from the environment, and no command line ever holds it.
        *(f"--env={key}" for key in box.handed_over),
    ]
    if box.health:
        line += [
            f"--health-cmd={shlex.join(box.health)}",
            f"--health-interval={box.health_interval}s",
            f"--health-timeout={box.health_timeout}s",
            f"--health-retries={box.health_retries}",
            f"--health-start-period={box.start_seconds}s",
            f"--health-start-interval={box.start_interval}s",
        ]
    entrypoint, arguments = box.entrypoint[:1], (*box.entrypoint[1:], *box.arguments)
    line += [*(f"--entrypoint={word}" for word in entrypoint), box.image, *arguments]
    return [*found, line]


def run_script(box: Container) -> str:
    """The commands as a shell script that stops where a credential is missing."""
    lines = ["#!/bin/sh", "set -eu"]
    lines += [f': "${{{key}:?set it first, as in export {key}=\\$(cat FILE)}}"' for key in box.handed_over]
    lines += [" \\\n  ".join(_phrases(command)) for command in run_commands(box)]
    return "\n".join(lines) + "\n"


def _phrases(command: list[str]) -> list[str]:
    """A command's words, quoted, with each flag's value beside it."""
    found: list[str] = []
    for word in command:
        previous = found[-1] if found else ""
        alone = word.startswith("-") or (previous.startswith("-") and ("=" in previous or " " in previous))
        if found and not alone:
            found[-1] += f" {shlex.quote(word)}"
        else:
            found.append(shlex.quote(word))
    return found


def _expanded(text: str, env: Mapping[str, str], handed_over: tuple[str, ...]) -> str:
    """A text as Kubernetes expands it: Docker does not."""

    def value(match: re.Match[str]) -> str:
        name = match.group(2)
        if name is None:
            return "$"
        if name in handed_over:
            fix = "Docker shows arguments to everybody; let the server read the variable itself"
            raise MisfitError(f'"$({name})" stands for a credential; {fix}', at=("secret_env", name))
        return env.get(name, match.group())

    return _REFERENCE.sub(value, text)


def _literal(text: str) -> str:
    """A text that Compose leaves as it is: `$` begins a variable there."""
    return text.replace("$", "$$")


def _is_gke_driver(value: str) -> bool:
    return value.startswith(_GKE_DRIVER) and ":" not in value


def _docker_size(quantity: str) -> str:
    """A Kubernetes quantity in Docker's form, whose units are binary."""
    size = int(number(quantity))
    for unit, factor in (("g", 2**30), ("m", 2**20), ("k", 2**10)):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}b"


def _health(image: str, port: int, path: str) -> tuple[str, ...]:
    match http_tool(image):
        case "curl":
            return ("curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{port}{path}")
        case "bash":
            request = f"printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3"
            return (
                "bash",
                "-c",
                f'exec 3<>/dev/tcp/127.0.0.1/{port}; {request}; read -r _ code _ <&3; [ "$code" = 200 ]',
            )
        case _:
            return ()
