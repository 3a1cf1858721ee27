"""From a stack to its plan: a pure function, without Pulumi, cluster, network or clock."""

from __future__ import annotations

from collections.abc import Collection

from components.core.plan import Plan

from .collector import Collector
from .environment import Environment
from .references import check_references
from .sections.cluster import system_nodes
from .sections.policy import limits
from .sections.registry import SECTIONS
from .sections.section import Assembly


def assemble(environment: Environment, name: str, secrets: Collection[str] = ()) -> Plan:
    """The plan of an environment: what its sections make, foundations first.

    Args:
        environment: the stack.
        name: the environment's name.
        secrets: keys of the stack's secrets.

    Raises:
        ConfigError: everything that does not fit together, with paths into the stack.
    """
    problems = Collector()
    check_references(environment, secrets, problems)
    problems.finish()
    assembly = Assembly(environment, SECTIONS, problems)
    parts = [part for section in SECTIONS for part in assembly.parts(section.key)]
    problems.finish()
    system = system_nodes(environment)
    return Plan(
        name,
        tuple(parts),
        {key: value for section in SECTIONS for key, value in section.exports(assembly).items()},
        nodes=(*assembly.nodes.values(), *system),
        nodes_complete=bool(system),
        limits=limits(environment),
    )
