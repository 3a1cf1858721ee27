"""From what was given on a command line to a report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from components.core.errors import ConfigError

from ..plan.environments import UsageError, find_root, load
from ..terminal.terminal import status
from .changes.report import EnvironmentDiff, Report
from .environment_diff import diff
from .pulumi_preview import completed, overruled, read_preview
from .revisions.checkouts import Checkout, inside
from .revisions.revisions import WORKING_TREE, Rendered, resolve
from .revisions.sides import How, Sides, read_side, read_sides
from .snapshots.kubectl_proxy import KubectlProxy
from .snapshots.live import access_of, live_and_planned
from .snapshots.snapshot import Snapshot


def compare_revisions(base: str, head: str, environments: Sequence[str], how: How) -> Report:
    """Compare two revisions, folders, or one of each.

    Args:
        base: as `revisions.resolve` takes it.
        head: the same.
        environments: which; empty for all.
        how: how to read them.

    Raises:
        UsageError: for what cannot be meant, and when nothing of either side can be read.
    """
    return report_of(read_sides(resolve(base), resolve(head), environments, how))


def compare_preview(file: Path, head: str | None, environments: Sequence[str], how: How) -> Report:
    """What `pulumi preview --json` printed, as a report.

    Args:
        file: what it printed.
        head: the revision it was made of; says where things stand. `None`: the files as they are.
        environments: at most the preview's own.
        how: how to read them.

    Raises:
        UsageError: when the file cannot be meant.
    """
    preview = read_preview(file)
    name = preview.environment
    if wrong := [other for other in environments if other != name]:
        raise UsageError(f'{file} is a preview of "{name}", not of "{wrong[0]}"')
    notes = [*preview.notes]
    planned: Snapshot | None = None
    if head is not None or find_root():
        with ExitStack() as temporary:
            try:
                planned = read_side(resolve(head or WORKING_TREE), [name], how, temporary)[1].get(name)
            except UsageError:
                if head is not None:
                    raise
    if planned is not None and not planned.errors:
        preview = completed(preview, planned)
    else:
        notes.append(f"{name} cannot be read here: resources that stay as they are, and their places, are unknown")
    found = diff(preview.base, preview.head, overrule=lambda pairs: overruled(pairs, preview))
    return Report("Pulumi's state", f"pulumi preview of {name}", (found,), tuple(notes))


def compare_cluster(head: str, environments: Sequence[str], how: How) -> Report:
    """What the cluster has, against what the files plan.

    Args:
        head: what the cluster is compared with.
        environments: which; empty for all. Each is looked for in its own cluster.
        how: how to read them.

    Raises:
        UsageError: when no cluster can be reached.
    """
    source = resolve(head)
    if isinstance(source, Rendered):
        raise UsageError(f"{head} is a rendered folder, which does not say where its cluster is; give a revision")
    found: list[EnvironmentDiff] = []
    refusals: list[str] = []
    with ExitStack() as temporary:
        side, planned = read_side(source, environments, how, temporary)
        assert isinstance(side, Checkout)  # noqa: S101 - only a rendered folder is none
        for name, snapshot in planned.items():
            base: Snapshot | None = None
            if not snapshot.errors:
                with status(f"asking the cluster of {name}"):
                    try:
                        base, snapshot = _live(side, snapshot)  # noqa: PLW2901 - the same, as the cluster would have it
                    except (UsageError, ConfigError) as error:
                        refusals.append(f"{name}: {error}")
                        base = Snapshot(name, errors=tuple(str(error).splitlines()))
            found.append(diff(base, snapshot))
    if refusals and len(refusals) == len(found):
        raise UsageError("\n".join(refusals))
    return Report("the cluster", source.name, tuple(found), side.notes)


def _live(side: Checkout, planned: Snapshot) -> tuple[Snapshot, Snapshot]:
    with inside(side.root):
        kubeconfig, context, hint = access_of(load(side.environments[planned.environment], side.project).environment)
    try:
        with KubectlProxy(kubeconfig, context) as cluster:
            return live_and_planned(planned, cluster)
    except UsageError as error:
        raise UsageError(f"{error}; {hint}") from None


def report_of(sides: Sides) -> Report:
    """What the two sides differ in."""
    environments = tuple(diff(before, after) for before, after in sides.pairs.values())
    return Report(sides.base, sides.head, environments, sides.notes)
