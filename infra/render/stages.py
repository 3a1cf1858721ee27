"""The order in which a rendered tree is applied, as a script: `kubernetes/stages.txt`.

A stage's objects depend on earlier stages only, and each stage ends by waiting for what it brought up.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping

from components.core.plan import Item, Plan
from components.kinds.metadata import annotations_of

from .contents import contents

_STAGES_HEAD = """\
# In which order to apply this folder where Pulumi does not: `sh -e stages.txt`, in this folder.
#
# A line is a stage: commands for a POSIX shell, divided by "; ". They apply files, then wait until what they applied is
# ready, for as long as Pulumi would. A stage needs nothing but the stages above it and the resources in ../cloud.
# A line that starts with "#" is for people. It names a file with placeholders, which stand for what only Pulumi knows:
# such a file is not applied, nor is it in kustomization.yaml; the command below it stops when nobody has provided it.
"""
_WAITS = {
    "Deployment": "kubectl rollout status",
    "StatefulSet": "kubectl rollout status",
    "DaemonSet": "kubectl rollout status",
    # rollout status knows no custom kind. kubectl asks whether the condition is of the object's current generation.
    "LeaderWorkerSet": "kubectl wait --for=condition=Available",
    "Job": "kubectl wait --for=condition=complete",
    "CustomResourceDefinition": "kubectl wait --for=condition=established",
}
"""How to wait until an object is ready, for the kinds that later stages need ready."""
_SKIP_AWAIT = "pulumi.com/skipAwait"
_DEFAULT_TIMEOUT_SECONDS = 600
"""What Pulumi's Kubernetes provider waits by default (pulumi-kubernetes provider/pkg/await)."""
_FILES_A_COMMAND = 500
"""Far below the longest command line of any system, whatever the names."""


def stages_text(plan: Plan, paths: Mapping[int, str], held: Mapping[str, list[str]]) -> str:
    """The script for a plan.

    Args:
        plan: what is applied.
        paths: the path of each item by its position in the plan.
        held: files that hold values only Pulumi knows, by path, with those placeholders: they are not applied.
    """
    lines = [_STAGES_HEAD]
    for stage in _stages(plan):
        charts: list[str] = []
        files: list[str] = []
        missing: list[str] = []
        waits: list[str] = []
        for position, item in stage:
            path = below_kubernetes(paths[position])
            if values := held.get(paths[position]):
                lines.append(f"# {path}: provide it with the values of {', '.join(values)}\n")
                missing.append(_presence(item, path))
            elif item.is_chart:
                charts.append(_install(item, path))
            else:
                files.append(f"-f {shlex.quote(path)}")
                waits.extend(_wait(item))
        batches = (files[start : start + _FILES_A_COMMAND] for start in range(0, len(files), _FILES_A_COMMAND))
        applies = [f"kubectl apply {' '.join(batch)}" for batch in batches]
        lines.append("; ".join([*missing, *charts, *applies, *waits]) + "\n")
    return "".join(lines)


def _stages(plan: Plan) -> Iterable[list[tuple[int, Item]]]:
    """Objects and charts with their positions in the plan, as early as what they come after allows.

    Cloud resources have no stage of their own: all of them exist before the first.
    """
    stages: dict[int, list[tuple[int, Item]]] = {}
    whole: dict[str, int] = {}
    position = 0
    for part in plan.parts:
        first = max((whole[key] for key in part.after), default=0)
        whole[part.key] = first
        reached: dict[str, int] = {}
        for item in part.items:
            stage = max((reached[role] for role in item.after), default=first)
            if item.provider.in_cluster:
                stage += 1
                stages.setdefault(stage, []).append((position, item))
            reached[item.role] = stage
            whole[part.key] = max(whole[part.key], stage)
            position += 1
    return [stages[number] for number in sorted(stages)]


def _wait(item: Item) -> Iterator[str]:
    if item.kind in _WAITS and annotations_of(item.properties).get(_SKIP_AWAIT) != "true":
        yield f"{_WAITS[item.kind]} {_target(item)} --timeout={_timeout(item)}"


def _presence(item: Item, path: str) -> str:
    """A command that fails when an item we cannot apply is not there."""
    if item.is_chart:
        return f"helm status {shlex.quote(item.object_name)}{_namespace(item)}"
    return f"kubectl get -f {shlex.quote(path)}"


def _install(item: Item, path: str) -> str:
    """The Helm command that installs a chart as Pulumi does."""
    chart = contents(item)
    command = f"helm upgrade --install {shlex.quote(chart['name'])} {shlex.quote(chart['chart'])}"
    for option, field in (("--repo", "repository"), ("--version", "version")):
        if field in chart:
            command += f" {option} {shlex.quote(str(chart[field]))}"
    command += f"{_namespace(item)} --create-namespace --wait --timeout {_timeout(item)}"
    if not chart.get("values"):
        return command
    return f"sed '1,/^values:$/d; s/^  //' {shlex.quote(path)} | {command} --values -"


def _target(item: Item) -> str:
    return shlex.quote(f"{item.kind.lower()}/{item.object_name}") + _namespace(item)


def _namespace(item: Item) -> str:
    namespace = item.properties.get("namespace", "") if item.is_chart else item.namespace
    return f" -n {shlex.quote(str(namespace))}" if namespace else ""


def _timeout(item: Item) -> str:
    return f"{item.timeout_seconds or _DEFAULT_TIMEOUT_SECONDS}s"


def below_kubernetes(path: str) -> str:
    """A path of the tree as seen from its kubernetes folder."""
    return path.removeprefix("kubernetes/") if path.startswith("kubernetes/") else f"../{path}"
