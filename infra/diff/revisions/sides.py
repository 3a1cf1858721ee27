"""The two sides of a diff, environment by environment, each planned by its own code and as seldom as possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeAlias

from components.core.providers import in_cluster

from ...plan.environments import UsageError, environment_paths, find_root, load, need_project
from ...stack.stackfile import StackError
from ...terminal.fork import beside, can_fork
from ...terminal.terminal import status
from ..snapshots.folder import as_rendered, read_folder, read_folders
from ..snapshots.from_plan import snapshot_of
from ..snapshots.snapshot import Resource, Snapshot
from .checkouts import Checkout, inside
from .isolated import Isolated
from .revisions import Rendered, Source, WorkingTree, pick

Pair: TypeAlias = tuple[Snapshot | None, Snapshot | None]
Side: TypeAlias = Checkout | Rendered
_Found: TypeAlias = dict[str, Snapshot]
_Job: TypeAlias = tuple[int, str]
"""An environment to plan: 0 of the base, 1 of the head, and its name."""
_PROCESSES = 2


@dataclass(frozen=True, slots=True)
class How:
    """How environments are read.

    Attributes:
        today: the day waivers are judged by.
        picture: whether they are drawn, which takes as long as planning them.
    """

    today: date
    picture: bool = True


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared.

    Attributes:
        base: what was compared with, for people.
        head: what was compared.
        pairs: base and head of each environment by its name, in the order of the names; `None` where a side lacks it.
        notes: what concerns all environments.
    """

    base: str
    head: str
    pairs: Mapping[str, Pair]
    notes: tuple[str, ...] = ()


def read_sides(base: Source, head: Source, wanted: Sequence[str], how: How) -> Sides:
    """Both sides of a diff.

    Args:
        base: what to compare with.
        head: what to compare.
        wanted: environments; empty for all.
        how: how to read them.

    Raises:
        UsageError: for an environment that neither side has, and when nothing of either side can be read.
    """
    if isinstance(base, Rendered) and isinstance(head, Rendered):
        return _folders(base, head, wanted)
    with ExitStack() as temporary:
        return _read(base, head, wanted, how, temporary)


def read_side(source: Source, wanted: Sequence[str], how: How, temporary: ExitStack) -> tuple[Side, _Found]:
    """One side alone, and its environments.

    Args:
        source: which.
        wanted: environments; empty for all.
        how: how to read them.
        temporary: what is needed until it closes.

    Raises:
        UsageError: for an environment it does not have, and when its stack files cannot be found.
    """
    side = source if isinstance(source, Rendered) else Checkout(source, temporary)
    if isinstance(side, Checkout) and side.errors:
        raise UsageError("\n".join(side.errors))
    names = pick(side.trees if isinstance(side, Rendered) else side.environments, wanted)
    (found,) = _found([(side, names)], how)
    return side, found


def read_environments(checkout: Checkout, names: Iterable[str], how: How) -> dict[str, Snapshot]:
    """Environments planned by the code that runs now; one that cannot be read has its errors."""
    found: dict[str, Snapshot] = {}
    with inside(checkout.root):
        for name in names:
            path = checkout.environments[name]
            with status(f"planning {name} of {checkout.name}"):
                try:
                    found[name] = snapshot_of(
                        load(path, checkout.project), today=how.today, picture=how.picture, file=str(path)
                    )
                except StackError as error:
                    found[name] = Snapshot(name, file=str(path), errors=tuple(error.lines()))
    return found


def read_project(names: Sequence[str], how: How) -> list[Snapshot]:
    """Environments of the project around the working folder; all of them when no name is given.

    Raises:
        UsageError: outside a project, and for an environment it does not have.
        StackError: when its stack files cannot be found.
    """
    chosen = environment_paths(need_project(), names)
    found = read_environments(Checkout(WorkingTree(find_root() or Path()), ExitStack()), chosen, how)
    return list(found.values())


def adopted(base: Snapshot | None, head: Snapshot | None) -> Pair:
    """The same with components on both sides, where only one can tell them."""
    if base is None or head is None:
        return base, head
    return _named_by(base, head), _named_by(head, base)


def _named_by(one: Snapshot, other: Snapshot) -> Snapshot:
    if all(resource.component for resource in one.resources):
        return one
    known = {resource.key: resource for resource in other.resources if resource.component}
    resources = tuple(
        replace(resource, component=found.component, at=found.at, role=found.role, protect=_protect(resource, found))
        if not resource.component and (found := known.get(resource.key))
        else resource
        for resource in one.resources
    )
    return replace(one, resources=resources)


def _protect(rendered: Resource, planned: Resource) -> bool:
    """Manifests have no place for it; the files of cloud resources say it."""
    return planned.protect if in_cluster(rendered.type) else rendered.protect


def _folders(base: Rendered, head: Rendered, wanted: Sequence[str]) -> Sides:
    before, after = dict(base.trees), dict(head.trees)
    if base.single or head.single:
        many = after if base.single and not head.single else before if head.single and not base.single else {}
        single = base if base.single else head
        name = _single_name(single, many, wanted) if many else (wanted[0] if len(wanted) == 1 else next(iter(after)))
        before = {name: before[name] if name in before else next(iter(before.values()))}
        after = {name: after[name] if name in after else next(iter(after.values()))}
    pairs: dict[str, Pair] = {}
    for name in pick([*before, *after], wanted):
        with status(f"reading {name}"):
            if name in before and name in after:
                pairs[name] = read_folders(before[name], after[name], name)
            else:
                pairs[name] = (
                    read_folder(before[name], name) if name in before else None,
                    read_folder(after[name], name) if name in after else None,
                )
    return Sides(base.name, head.name, pairs)


def _single_name(folder: Rendered, names: Iterable[str], wanted: Sequence[str]) -> str:
    """Which environment a folder is that was given alone."""
    if len(wanted) == 1:
        return wanted[0]
    known = list(names)
    guess = next(iter(folder.trees))
    if guess in known:
        return guess
    if len(known) == 1:
        return known[0]
    raise UsageError(f"{folder.name}: which environment is it? give --env, one of {', '.join(sorted(known))}")


def _read(base: Source, head: Source, wanted: Sequence[str], how: How, temporary: ExitStack) -> Sides:
    opened = [source if isinstance(source, Rendered) else Checkout(source, temporary) for source in (base, head)]
    checkouts = [side for side in opened if isinstance(side, Checkout)]
    if all(side.errors for side in checkouts):
        raise UsageError("\n".join(dict.fromkeys(line for side in checkouts for line in side.errors)))
    known = [name for side in checkouts for name in side.environments]
    sides: list[Side] = []
    for side in opened:
        if isinstance(side, Rendered):
            if side.single:
                wanted = [_single_name(side, known, wanted)]
                side = replace(side, trees={wanted[0]: next(iter(side.trees.values()))})  # noqa: PLW2901 - now named
            # A folder with some of the environments says nothing of the others.
            known = [*side.trees]
        sides.append(side)
    names = pick(known, wanted)
    before, after = _planned(sides, names, how)
    notes = dict.fromkeys(note for side in checkouts for note in side.notes)
    pairs = {name: adopted(before.get(name), after.get(name)) for name in names}
    return Sides(base.name, head.name, pairs, tuple(notes))


def _planned(sides: Sequence[Side], names: Sequence[str], how: How) -> tuple[_Found, _Found]:
    """All environments of both sides; code of their own works while ours does."""
    base, head = sides
    same: set[str] = set()
    if isinstance(base, Checkout) and isinstance(head, Checkout):
        same = {name for name in names if base.is_same(head, name)}
    before, after = _found([(base, [name for name in names if name not in same]), (head, names)], how)
    before |= {name: after[name] for name in same}
    if isinstance(base, Rendered) or isinstance(head, Rendered):
        before, after = ({name: as_rendered(one) for name, one in some.items()} for some in (before, after))
    return before, after


def _found(wanted: Sequence[tuple[Side, Sequence[str]]], how: How) -> list[_Found]:
    """Some environments of some sides."""
    found: list[_Found] = [{} for _ in wanted]
    sides = [side for side, _ in wanted]
    with ExitStack() as running:
        own: dict[int, Isolated] = {}
        jobs: list[_Job] = []
        for position, (side, names) in enumerate(wanted):
            if isinstance(side, Rendered):
                found[position] = {name: read_folder(side.trees[name], name) for name in names if name in side.trees}
                continue
            there = [name for name in names if name in side.environments]
            if side.errors:
                found[position] = {name: Snapshot(name, errors=side.errors) for name in names}
            elif side.runs_here:
                jobs += [(position, name) for name in there]
            elif there:
                own[position] = running.enter_context(Isolated(side.root, side.name, there, how.today))
        for (position, name), snapshot in _in_two(sides, jobs, how):
            found[position][name] = snapshot
        for position, isolated in own.items():
            found[position] = isolated.snapshots()
        return found


def _in_two(sides: Sequence[Side], jobs: Sequence[_Job], how: How) -> list[tuple[_Job, Snapshot]]:
    """Plan with the code that runs now, about half of it in a second process where one can be had."""
    by_size = sorted(jobs, key=lambda job: _size(sides, job))
    # What the first one reads of the catalog, a process that starts after it need not read again.
    first = by_size[: len(by_size) > _PROCESSES]
    done = _in_one(sides, first, how)
    halves: list[list[_Job]] = [[], []]
    loads = [0, 0]
    for job in reversed(by_size[len(first) :]):
        lighter = loads.index(min(loads))
        halves[lighter].append(job)
        loads[lighter] += _size(sides, job)
    if not halves[1] or not can_fork():
        return done + _in_one(sides, halves[0] + halves[1], how)
    with beside(partial(_in_one, sides, halves[1], how)) as rest:
        return done + _in_one(sides, halves[0], how) + rest.result()


def _in_one(sides: Sequence[Side], jobs: Sequence[_Job], how: How) -> list[tuple[_Job, Snapshot]]:
    done: list[tuple[_Job, Snapshot]] = []
    for position, name in jobs:
        side = sides[position]
        if isinstance(side, Checkout):
            done.append(((position, name), read_environments(side, [name], how)[name]))
    return done


def _size(sides: Sequence[Side], job: _Job) -> int:
    side = sides[job[0]]
    try:
        return (side.root / side.environments[job[1]]).stat().st_size if isinstance(side, Checkout) else 0
    except OSError:
        return 0
