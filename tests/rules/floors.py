"""The order of the folders: a file imports what stands on floors below its own, and its own folder."""

from __future__ import annotations

from typing import NamedTuple

LIBRARY: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("catalog",),
    ("kinds",),
    ("gpu", "tenancy", "addons", "memory"),
    ("engines", "traffic", "scaling", "monitoring"),
    ("fit", "weights"),
    ("serving",),
    ("rollout",),
    ("reading",),
    ("cost",),
    ("proofs",),
    ("classes",),
)
"""The folders of components/, the lowest floor first. Those of one floor do not know each other."""
PROGRAM: tuple[tuple[str, ...], ...] = (
    ("terminal",),
    ("stack",),
    ("plan",),
    ("prove", "render", "picture"),
    ("diff", "policy"),
    ("comment",),
    ("commands",),
    ("cli", "preflight"),
    ("__main__",),
)
"""The folders of infra/, likewise. infra/publish is not among them: it runs with other people's words and a token
that writes, in a checkout that has nothing else, and so knows nobody."""
DIFF: tuple[tuple[str, ...], ...] = (
    ("snapshots",),
    ("changes", "revisions"),
    ("telling", "pulumi_preview"),
    ("environment_diff",),
    ("comparison",),
)
"""The rooms of infra/diff, likewise: the largest folder of the program has floors of its own."""
TREES = {"components": LIBRARY, "infra": PROGRAM, "infra.diff": DIFF}
APART: dict[str, tuple[str, ...]] = {
    "components": (),
    "runtime": (),
    "infra": ("components",),
    "tools": ("components", "infra", "runtime"),
    "tests": ("components", "infra", "runtime", "tools"),
}
"""What of ours each folder of the repository may import besides itself. Other programs' clusters run runtime/ without
the rest; tools/ is for developers, and ships with nothing."""


class Floor(NamedTuple):
    """Where a module stands: its tree, its folder there, and the floor's number, 1 the lowest."""

    tree: str
    folder: str
    number: int


def floors_of(module: str) -> dict[str, Floor]:
    """The floor of a module in each tree that it is in, by the tree."""
    found = {}
    for tree, floors in TREES.items():
        folder = module.removeprefix(f"{tree}.").partition(".")[0] if module.startswith(f"{tree}.") else ""
        for number, folders in enumerate(floors, start=1):
            if folder in folders:
                found[tree] = Floor(tree, folder, number)
    return found
