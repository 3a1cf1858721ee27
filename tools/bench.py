"""How fast the tools are: fleets of growing size, loaded, planned, proved and rendered; `helm template` beside them.

Each size runs in a process of its own, for its peak memory, after a fleet of one model has loaded the catalog. Every
model has all objects a model server can have (nine), an autoscaler among them, on two engines and with values of its
own. `helm template` makes the same text from a chart of templates and each model's values (tools/bench_chart.py).
Files are in memory where the system has such a folder, so that a busy disk does not decide.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from infra.terminal.terminal import say

Result = TypeVar("Result")
SIZES = (10, 100, 1000)
HELM_SECONDS_A_MEGABYTE = 0.8
"""Where helm is not on PATH: `helm template` of 9,000 plain objects on two idle cores."""
_MODELS_A_POOL = 25
_CHECKS = 5
_RUNS = 3
_MEMORY = "/dev/shm"  # noqa: S108 - only to make temporary folders in, under names of their own
_DAY = date(2026, 1, 1)
_POOL = "{accelerator: nvidia-l4, machine_type: g2-standard-16, nodes: {max: %d}}"
_TGI = """\
      engine:
        kind: tgi
        version: 3.3.6
        max_concurrent_requests: {requests}
        max_input_tokens: {prompt}
        max_total_tokens: {total}
        graceful_termination_timeout: {drain}
"""
_CUSTOM = """\
      engine:
        kind: custom
        container: server
        image: registry.example.com/team-{team}/server:1.{number}.0
        command: [python, -m, server]
        args: [--port, "8080", --context, "{total}"]
        env: {{REGION: region-{number}, LOG_LEVEL: info}}
        cache_path: /models
        drain_seconds: {drain}
        metrics: {{names: {{server_queue_size: gauge, server_requests_total: counter}}}}
"""
_MODEL = """\
    model-{number:04}:
      namespace: team-{team}
      model: example/model-{number}
      revision: "{number:040x}"
{engine}      runs_on: [pool-{pool}]
      resources: {{cpu: {cpu}, memory: {memory}Gi}}
      shared_memory: {shared}Mi
      cache: {{kind: claim, size: {cache}Gi, access_mode: ReadWriteMany, storage_class: zonal-rwx}}
      hf_token: {{kind: external-secret, store: vault, remote_key: token-{number}}}
      labels: {{team: team-{team}, model: model-{number}}}
      env: {{OWNER: owner-{number}}}
      autoscaling: {{min: {least}, max: {most}, {signal}}}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One size: how much came out, the seconds of each stage, and the memory at its peak."""

    models: int
    objects: int
    bytes: int
    load_seconds: float
    plan_seconds: float
    prove_seconds: float
    render_seconds: float
    peak_mb: float

    @property
    def seconds(self) -> float:
        """All stages together."""
        return self.load_seconds + self.plan_seconds + self.prove_seconds + self.render_seconds


def fleet(models: int) -> Iterator[str]:
    """The lines of a stack file with that many models."""
    pools = -(-models // _MODELS_A_POOL)
    yield "config:\n"
    yield "  inference:cluster:\n"
    yield "    {kind: gke, name: fleet, project: example-project, location: us-central1, filestore: true}\n"
    yield "  inference:observability: {prometheus: {kind: operator}}\n"
    yield "  inference:addons:\n    prometheus_operator: present\n    external_secrets: present\n"
    yield "    metrics_adapter: {kind: prometheus-adapter, state: present}\n"
    yield "  inference:node_pools:\n"
    for pool in range(pools):
        yield f"    pool-{pool}: {_POOL % (200 + pool)}\n"
    yield "  inference:models:\n"
    for number in range(models):
        yield _model(number, number // _MODELS_A_POOL)


def _model(number: int, pool: int) -> str:
    tgi = number % 2 == 0
    values = {
        "number": number, "team": pool, "pool": pool, "requests": 64 + number, "prompt": 1024 + number,
        "total": 2048 + 2 * number, "drain": 30 + number % 60, "cpu": 2 + number % 7, "memory": 16 + number % 13,
        "shared": 512 + number, "cache": 1024 + number, "least": 1 + number % 3, "most": 4 + number % 5,
        "signal": ("queue_depth: %d" if tgi else "pod_metrics: {server_queue_size: %d}") % (5 + number % 20),
    }  # fmt: skip
    engine = (_TGI if tgi else _CUSTOM).format_map(values)
    return _MODEL.format_map(values | {"engine": engine})


def measure(models: int, folder: Path) -> Row:
    """Run one size; the rendered tree is left in `folder/tree`."""
    from components.core.plan import Plan  # noqa: PLC0415 - what is measured is imported by the process that measures
    from infra.plan.assemble import assemble  # noqa: PLC0415
    from infra.plan.environment import Environment  # noqa: PLC0415
    from infra.plan.validate import environment_of  # noqa: PLC0415
    from infra.prove.prove import prove_environment  # noqa: PLC0415
    from infra.render.render import render  # noqa: PLC0415
    from infra.stack.stackfile import load_stack  # noqa: PLC0415
    from tools.bench_chart import write_chart  # noqa: PLC0415

    path = folder / "Pulumi.fleet.yaml"
    path.write_text("".join(fleet(models)))

    def read() -> Environment:
        return environment_of(load_stack(path).values)

    def prove(plan: Plan) -> None:
        errors = prove_environment("fleet", plan, (), _DAY).errors
        if errors:
            raise SystemExit(f"bench: the fleet of {models} is refused: {errors[0]}")

    environment, load_seconds = _timed(read)
    plan, plan_seconds = _timed(lambda: assemble(environment, "fleet"))
    _, prove_seconds = _timed(lambda: prove(plan))
    written, render_seconds = _timed(lambda: render(plan, folder / "tree"))
    # Linux counts in KiB, macOS in bytes (getrusage(2) of each).
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    if shutil.which("helm"):
        write_chart(plan, folder / "tree", folder / "chart")
    return Row(
        models=models,
        objects=written.objects,
        bytes=written.bytes,
        load_seconds=round(load_seconds, 4),
        plan_seconds=round(plan_seconds, 4),
        prove_seconds=round(prove_seconds, 4),
        render_seconds=round(render_seconds, 4),
        peak_mb=round(peak, 1),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and write its rows to out/bench.json."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--size", type=int, action="append", help="models of a fleet; default 10, 100, 1000")
    parser.add_argument("--output", type=Path, default=Path("out/bench.json"), help="file for the rows")
    parser.add_argument("--one", nargs=2, metavar=("MODELS", "DIR"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        gc.disable()  # as the command line does
        models, folder = int(given.one[0]), Path(given.one[1])
        with tempfile.TemporaryDirectory(dir=_in_memory()) as warm:
            measure(1, Path(warm))
        say(json.dumps(asdict(measure(models, folder))))
        return 0
    rows: list[Row] = []
    say("  models  objects   bytes    load    plan   prove  render   total   peak  growth   helm template")
    for size in given.size or SIZES:
        row, helm = _best(size)
        growth = f"× {row.seconds / rows[-1].seconds:.1f}" if rows else ""  # noqa: RUF001 - as print has it
        say(_line(row, growth, helm))
        rows.append(row)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    say(f"  rows in {given.output}")
    seconds = sorted(_check_seconds() for _ in range(_CHECKS))
    say(f"  infra check of all environments, cold: {seconds[0]:.2f} s at best, {seconds[_CHECKS // 2]:.2f} s as a rule")
    return 0


def _best(models: int) -> tuple[Row, float | None]:
    """The quickest of some runs and Helm's quickest, turn by turn: what else the machine does only slows them down."""
    runs: list[Row] = []
    helms: list[float] = []
    for _ in range(_RUNS):
        with tempfile.TemporaryDirectory(dir=_in_memory()) as folder:
            runs.append(_in_own_process(models, Path(folder)))
            seconds = _helm_seconds(Path(folder))
        helms += [] if seconds is None else [seconds]
    return min(runs, key=lambda row: row.seconds), min(helms, default=None)


def _line(row: Row, growth: str, helm: float | None) -> str:
    stages = (row.load_seconds, row.plan_seconds, row.prove_seconds, row.render_seconds, row.seconds)
    times = " ".join(f"{seconds:5.2f} s" for seconds in stages)
    other = helm if helm is not None else HELM_SECONDS_A_MEGABYTE * row.bytes / 1e6
    kind = "measured" if helm is not None else "reference"
    return (
        f"  {row.models:6,} {row.objects:8,} {row.bytes / 1e6:4.1f} MB {times} {row.peak_mb:3.0f} MB {growth:>7} "
        f"  {other:.2f} s ({kind}), {other / row.seconds:.1f} × ours"  # noqa: RUF001 - as print has it
    )


def _in_own_process(models: int, folder: Path) -> Row:
    command = [sys.executable, "-m", "tools.bench", "--one", str(models), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ourselves
    if done.returncode:
        raise SystemExit(done.stderr.strip() or f"bench: the fleet of {models} ended with {done.returncode}")
    return Row(**json.loads(done.stdout))


def _helm_seconds(folder: Path) -> float | None:
    """Seconds `helm template` takes for the same objects from each model's values; `None` where there is no helm."""
    helm = shutil.which("helm")
    if helm is None:
        return None
    chart = folder / "chart"
    with (folder / "out.yaml").open("wb") as output:
        started = perf_counter()
        subprocess.run([helm, "template", "fleet", str(chart)], check=True, stdout=output)  # noqa: S603 - a chart of ours
        return perf_counter() - started


def _check_seconds() -> float:
    command = [str(Path(sys.executable).with_name("infra")), "check"]
    started = perf_counter()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ourselves
    return perf_counter() - started


def _in_memory() -> str | None:
    """Linux' folder in memory, which other systems lack."""
    return _MEMORY if os.access(_MEMORY, os.W_OK) else None


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = perf_counter()
    result = work()
    return result, perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
