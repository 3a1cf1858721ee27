"""The section `compute_classes`: pools and machine types in order of preference."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from components.core.errors import Path, Problem, did_you_mean
from components.core.plan import Part
from components.gpu.compute_class import ComputeClassConfig, compute_class

from ..environment import Environment
from .section import Assembly, Dangling, Section


def refer(environment: Environment) -> Iterator[Problem]:
    """Pools that are not there, names that could mean two things, and clusters that know no compute classes."""
    classes, pools = environment.compute_classes, environment.node_pools
    for name in classes.keys() & pools.keys():
        message = "a node pool has this name too, and runs_on could mean either; rename one"
        yield Problem(("compute_classes", name), message)
    for name, chosen in classes.items():
        for number, priority in enumerate(chosen.priorities):
            for place, pool in enumerate(priority.node_pools):
                if pool not in pools:
                    at = ("compute_classes", name, "priorities", number, "node_pools", place)
                    message = f'"{pool}" is no node pool; {did_you_mean(pool, pools)}'
                    yield Dangling(at, message, to=(("node_pools", pool),))
    if classes and not environment.on_gke:
        yield Problem(("compute_classes",), "compute classes exist on GKE only; name pools in runs_on instead")


def plan(assembly: Assembly) -> list[Part]:
    """The compute classes."""
    pools = frozenset(assembly.keys("node_pools"))
    return assembly.each(
        "compute_classes", assembly.environment.compute_classes, partial(_compute_class, assembly, pools)
    )


def _compute_class(
    assembly: Assembly, pools: frozenset[str], name: str, config: ComputeClassConfig, path: Path
) -> Part:
    # A class is unhealthy while a pool it names is missing, and pods that select it wait.
    named = (key for pool in config.pool_names if (key := f"GpuNodePool/{pool}") in pools)
    return compute_class(
        name,
        config,
        pools=assembly.environment.node_pools,
        autopilot=assembly.environment.autopilot,
        after=(*assembly.keys("cluster"), *named),
        path=path,
    )


COMPUTE_CLASSES = Section(
    "compute_classes",
    refer=refer,
    plan=plan,
    at={"ComputeClass": lambda name: ("compute_classes", name)},
    noun="compute class",
)
