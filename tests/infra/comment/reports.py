"""Reports as a diff makes them: the three changes of a tired reviewer, and fleets."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from infra.diff.changes.report import ABSENT, Change, EnvironmentDiff, FieldChange, Headline, Report

ROOT = Path(__file__).resolve().parents[3]
TGI = "ghcr.io/huggingface/text-generation-inference"


@cache
def pictures() -> tuple[str, str]:
    """Staging as it is shipped, and with another machine type."""
    from infra.picture.graph import picture  # noqa: PLC0415
    from infra.picture.svg import to_svg  # noqa: PLC0415
    from infra.plan.environments import load  # noqa: PLC0415 - only some tests draw

    loaded = load(ROOT / "stacks/Pulumi.staging.yaml", None)
    before = to_svg(picture(loaded.environment, loaded.plan))
    return before, before.replace("a2-highgpu-1g", "a2-highgpu-2g")


def finding(rule: str, at: str, message: str, *, severity: str = "warning", **more: Any) -> Any:
    return {
        "rule": rule,
        "severity": severity,
        "at": at,
        "path": at.split("."),
        "message": message,
        "remedies": [],
        "page": f"docs/proofs/{rule}.md",
        "file": "stacks/Pulumi.staging.yaml",
        "line": 31,
        **more,
    }


def cost(**more: Any) -> Any:
    def total(low: float, high: float) -> Any:
        return {"min_usd": low, "expected_usd": None, "max_usd": high}

    def line(what: str, low: float, high: float) -> Any:
        return {"at": "node_pools.a100-spot", "what": what, "unknown": None, **total(low, high)}

    return {
        "base": total(1204.0, 4816.0),
        "head": total(1204.0, 5228.0),
        "min_usd": 0.0,
        "expected_usd": None,
        "max_usd": 412.0,
        "as_of": "2026-08-20",
        "lines": [
            {
                "at": "node_pools.a100-spot",
                "what": "a2-highgpu-2g with 2 A100, Spot",
                "before": line("a2-highgpu-1g with 1 A100, Spot", 0.0, 2480.0),
                "after": line("a2-highgpu-2g with 2 A100, Spot", 0.0, 2892.0),
                "min_usd": 0.0,
                "expected_usd": None,
                "max_usd": 412.0,
            }
        ],
        "models": [],
        "unknown": [],
        "ceiling_usd": None,
        **more,
    }


def three_changes() -> Report:
    """One engine's version, one pool's machine type, one route's weight."""
    before, after = pictures()
    staging = EnvironmentDiff(
        environment="staging",
        status="changed",
        file="stacks/Pulumi.staging.yaml",
        headlines=(
            Headline(
                "GpuNodePool/a100-spot",
                ("node_pools", "a100-spot"),
                "replaced",
                "pool `a100-spot` is replaced: machine type a2-highgpu-1g → a2-highgpu-2g",
                "its 3 pods move; about 9 min without `vision` unless another pool has room: none has",
                18,
            ),
            Headline(
                "Canary/llama",
                ("models", "llama"),
                "restarted",
                "`llama` restarts: TGI 3.3.6 → sha-db931fc",
                "4 pods, one at a time, no spare GPU needed: about 14 min at 75 %",
                28,
            ),
            Headline(
                "VirtualService/chat",
                ("traffic", "chat"),
                "rerouted",
                "`chat` route: canary 10 % → 25 %",
                "no restart",
                70,
            ),
        ),
        changes=(
            Change(
                "NodePool a100-spot",
                "GpuNodePool/a100-spot",
                ("node_pools", "a100-spot"),
                "replace",
                "replaced",
                "a pool's machine type cannot be changed",
                "hashicorp/terraform-provider-google google/services/container/node_config.go",
                "its 3 pods move",
                (FieldChange("nodeConfig.machineType", "a2-highgpu-1g", "a2-highgpu-2g"),),
            ),
            Change(
                "Deployment staging/llama",
                "Canary/llama",
                ("models", "llama"),
                "update",
                "restarted",
                "its pod template changes",
                "",
                "4 pods, one at a time",
                (
                    FieldChange("spec.template.spec.containers[tgi].image", f"{TGI}:3.3.6", f"{TGI}:sha-db931fc"),
                    FieldChange("spec.template.metadata.annotations[checked]", ABSENT, True),
                ),
            ),
            Change(
                "VirtualService staging/chat",
                "VirtualService/chat",
                ("traffic", "chat"),
                "update",
                "rerouted",
                "",
                "",
                "",
                (
                    FieldChange("spec.http[0].route[stable].weight", 90, 75),
                    FieldChange("spec.http[0].route[canary].weight", 10, 25),
                ),
            ),
        ),
        resources=58,
        new=(
            finding(
                "image-without-digest",
                "models.llama.engine.image",
                f"Deployment llama: container tgi runs {TGI}:sha-db931fc by its tag alone",
                remedies=["add @sha256:… as `crane digest` prints it"],
            ),
        ),
        standing=(finding("memory-marginal", "models.qwen", "leaves 0.4 GiB of 37.4"),),
        waived=(
            finding(
                "lax-namespace",
                "namespaces.staging",
                "does not enforce restricted",
                waived={"reason": "TGI's image runs as root", "until": "2027-01-31"},
            ),
        ),
        rules_held=41,
        cost=cost(),
        before=before,
        after=after,
    )
    return Report(
        "origin/main (3a920eb)",
        "HEAD (93489cc)",
        (
            EnvironmentDiff("dev", "unchanged", resources=31),
            EnvironmentDiff("prod", "unchanged", resources=97),
            staging,
        ),
    )


def fleet(models: int, *, alike: bool = True) -> Report:
    """That many models that restart, alike or each in its own way."""
    names = [f"model-{number}" for number in range(models)]
    return Report(
        "main",
        "HEAD",
        (
            EnvironmentDiff(
                environment="fleet",
                status="changed",
                file="stacks/Pulumi.fleet.yaml",
                headlines=tuple(
                    Headline(
                        f"ModelServer/{name}",
                        ("models", name),
                        "restarted",
                        f"`{name}` restarts: image tgi:3.3.6 → tgi:{_version(number, alike)}",
                        "2 pods, one at a time: about 9 min at 50 %",
                        number + 10,
                    )
                    for number, name in enumerate(names)
                ),
                changes=tuple(_restart(name, _version(number, alike)) for number, name in enumerate(names)),
                resources=9_000,
                rules_held=61,
                cost=cost(),
            ),
        ),
    )


def _version(number: int, alike: bool) -> str:
    return "3.3.7" if alike else f"3.4.{number}"


def _restart(name: str, version: str) -> Change:
    return Change(
        f"Deployment inference/{name}",
        f"ModelServer/{name}",
        ("models", name),
        "update",
        "restarted",
        "its pod template changes",
        "",
        "2 pods, one at a time",
        (
            FieldChange("spec.template.spec.containers[tgi].image", f"{TGI}:3.3.6", f"{TGI}:{version}"),
            FieldChange(
                "spec.template.spec.containers[tgi].args", ["--model-id", name, "x" * 400], ["--model-id", name]
            ),
        ),
    )
