"""The section `namespaces`: those a stack names, and those that its objects need."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from components.core.plan import Part
from components.tenancy.namespace import NamespaceConfig, namespace
from components.tenancy.pod_security import strictest_level

from .section import Assembly, Section


def key_of(name: str) -> str:
    """The key of a namespace's part, for what comes after it."""
    return f"Namespace/{name}"


def plan(assembly: Assembly) -> list[Part]:
    """A namespace for each that is named or needed."""
    declared = assembly.environment.namespaces
    users = _users(assembly)
    parts = []
    for name in [*declared, *sorted(users.keys() - declared.keys())]:
        inside = users.get(name, [])
        path = ("namespaces", name) if name in declared or not inside else (*inside[0].path, "namespace")
        config = declared.get(name, NamespaceConfig())
        if "pod_security" not in config.model_fields_set:
            config = config.with_changes(pod_security=strictest_level(inside, name))
        build = partial(namespace, name, config, after=assembly.keys("cluster"), path=path)
        part = assembly.problems.attempt(path, build)
        parts += [replace(part, path=("namespaces", name))] if part else []
    return parts


def _users(assembly: Assembly) -> dict[str, list[Part]]:
    """The parts with objects in each namespace."""
    users: dict[str, list[Part]] = {}
    for section in assembly.sections.values():
        for part in assembly.parts(section.key) if section.namespaced else ():
            for name in {item.namespace for item in part.items} - {""}:
                users.setdefault(name, []).append(part)
    return users


NAMESPACES = Section("namespaces", plan=plan, at={"Namespace": lambda name: ("namespaces", name)}, noun="namespace")
