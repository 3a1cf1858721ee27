"""What a diff found, as plain data: every form of the comment is written from this and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from components.core.errors import Path
from components.cost.figures import CostChange
from components.proofs.finding import FindingEntry

Effect = Literal["replaced", "removed", "restarted", "rerouted", "scaled", "added", "harmless"]
"""What a change does to users, worst first."""
EFFECTS: tuple[Effect, ...] = ("replaced", "removed", "restarted", "rerouted", "scaled", "added", "harmless")


class Absent(Enum):
    """A field that is not there, which is something else than null."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs.

    Attributes:
        path: where in the resource, `spec.template.spec.containers[server].image`; entries of keyed lists by their key.
        before: its value in the base; `ABSENT` where it is not there.
        after: its value in the head; `ABSENT` where it is not there.
    """

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that differs.

    Attributes:
        resource: how people name it, `Deployment production/llama`.
        component: the part it belongs to, `ModelServer/llama`.
        at: where that stands in the stack file.
        action: what is done to the resource: `create`, `update`, `replace`, `delete`, or `rename` (deleted under one
            name and created under another with the same content).
        effect: what that does to users.
        reason: why it has this effect, in a few words: "a Deployment's selector cannot be changed".
        source: what says so, a URL or a file of a repository; empty where it needs none.
        means: what users notice, with numbers where they are known: "4 pods, one at a time: about 14 min at 75 %".
        fields: what differs, in the order of the path.
    """

    resource: str
    component: str
    at: Path
    action: Literal["create", "update", "replace", "delete", "rename"]
    effect: Effect
    reason: str
    source: str
    means: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """One row of the comment: what happens to one component, in words.

    Attributes:
        component: `ModelServer/llama`.
        at: where it stands in the stack file.
        effect: the worst of its changes.
        what: "pool `a100-spot` is replaced: machine type a2-highgpu-1g → a2-highgpu-2g"; code between back quotes.
        means: what users notice; empty where nobody does.
        line: the component's line in the head's stack file; `None` when unknown.
    """

    component: str
    at: Path
    effect: Effect
    what: str
    means: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentDiff:
    """One environment, base and head.

    Attributes:
        environment: the stack's name.
        status: `unreadable` when the head cannot be read; a base that cannot be read leaves `added` with `base_errors`.
        file: the head's stack file, relative to the repository.
        base_errors: why the base could not be read, one line each.
        head_errors: why the head could not be read, one line each.
        headlines: what happens, worst first; one a component that changes.
        changes: every resource that differs, in the head's order, those that are gone last.
        resources: how many resources the head has.
        new: findings of the head that the base does not have, as `infra check --format json` gives them.
        fixed: findings of the base that the head does not have.
        standing: findings of both.
        waived: findings of the head that are accepted for a while.
        rules_held: how many rules hold in the head; `None` when nobody proved it.
        cost: base, head and difference, as `components.cost.delta` gives them; `None` when unknown.
        before: the picture of the base as SVG; empty when unknown.
        after: the picture of the head as SVG; empty when unknown.
        notes: what a reader must know of how this was made.
    """

    environment: str
    status: Literal["changed", "unchanged", "added", "removed", "unreadable"]
    file: str = ""
    base_errors: tuple[str, ...] = ()
    head_errors: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
    changes: tuple[Change, ...] = ()
    resources: int = 0
    new: tuple[FindingEntry, ...] = ()
    fixed: tuple[FindingEntry, ...] = ()
    standing: tuple[FindingEntry, ...] = ()
    waived: tuple[FindingEntry, ...] = ()
    rules_held: int | None = None
    cost: CostChange | None = None
    before: str = ""
    after: str = ""
    notes: tuple[str, ...] = ()

    @property
    def disruptive(self) -> int:
        """How many components are replaced, removed or restarted."""
        return sum(one.effect in ("replaced", "removed", "restarted") for one in self.headlines)


@dataclass(frozen=True, slots=True)
class Report:
    """All environments of a diff.

    Attributes:
        base: what was compared with, as a person names it: `origin/main (3a920eb)`.
        head: what was compared: `HEAD (93489cc)`, `the working tree`.
        environments: in the order of their names.
        notes: what concerns all of them.
    """

    base: str
    head: str
    environments: tuple[EnvironmentDiff, ...]
    notes: tuple[str, ...] = ()


def as_json(report: Report) -> dict[str, Any]:
    """The report for machines: the attributes by name; fields that are absent on one side lack that key."""
    # By hand, because asdict copies every value of 9,000 changes deeply; these are only read.
    return {
        **_flat(report),
        "environments": [
            {
                **_flat(environment),
                "headlines": [_flat(headline) for headline in environment.headlines],
                "changes": [
                    {**_flat(change), "fields": [_flat(one) for one in change.fields]} for change in environment.changes
                ],
            }
            for environment in report.environments
        ],
    }


def _flat(one: Any) -> dict[str, Any]:
    return {name: value for name in one.__slots__ if (value := getattr(one, name)) is not ABSENT}
