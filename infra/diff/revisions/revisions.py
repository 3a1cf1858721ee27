"""What the two arguments of `infra diff` name: a revision, the working tree, or rendered folders.

    origin/main  3a920eb  v1.2  HEAD     a revision of the git repository around the project
    .                                    the working tree: the files as they are now
    out/prod                             a folder that `infra render` wrote
    out                                  a folder of such folders, one an environment, as `infra preview` writes

A rendered folder comes before a branch of the same name; the branch is then `refs/heads/NAME`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from components.core.errors import did_you_mean
from components.core.providers import FOLDERS

from ...plan.environments import PROJECT_FILE, UsageError, find_root
from ...render.render import MARKER
from .git import GitError, Repository, TreeEntry

WORKING_TREE = "."
"""The argument that names the files as they are now."""
CODE = ("components", "infra", "requirements/preview.txt")
"""What may decide how a stack file is planned, in any revision. The same in two revisions: they plan alike."""
PLANNER = (
    "components", "infra/stack", "infra/plan", "infra/prove", "infra/picture", "infra/terminal", "infra/diff/snapshots",
    "requirements/preview.txt",
)  # fmt: skip
"""What decides it in the code that runs: all that the planner and the maker of snapshots import.

A revision that has the same has the code that runs now, whatever else of it changed, the form of a comment for example.
"""
RUNNING = Path(__file__).resolve().parents[3]
"""The folder whose code is running."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of the project.

    Attributes:
        name: how a person reads it, `origin/main (3a920eb)`.
        repository: where it is.
        commit: its id.
    """

    name: str
    repository: Repository = field(repr=False, compare=False)
    commit: str

    def files(self) -> list[TreeEntry]:
        """Every file of it below the project's folder."""
        return self.repository.files(self.commit)

    def is_running_code(self) -> bool:
        """Whether the code of it that plans is, byte for byte, the code that runs now."""
        if self.repository.folder.resolve() != RUNNING:
            return False
        known = self.repository.ids(self.commit, PLANNER)
        return set(known) == set(PLANNER) and not self.repository.changed(self.commit, PLANNER)


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """The project as its files are now.

    Attributes:
        root: the folder of its Pulumi.yaml.
        name: how a person reads it.
    """

    root: Path
    name: str = "the working tree"

    def is_running_code(self) -> bool:
        """Whether its code is the code that runs now; a folder of stack files only has no other."""
        return self.root.resolve() == RUNNING or not (self.root / "infra").is_dir()


@dataclass(frozen=True, slots=True)
class Rendered:
    """Rendered folders.

    Attributes:
        name: as it was given.
        trees: a rendered folder by the environment it holds. The name is a guess where only one folder was given.
        single: whether one folder was given, and not a folder of folders.
    """

    name: str
    trees: Mapping[str, Path]
    single: bool = False


Source: TypeAlias = Revision | WorkingTree | Rendered


def resolve(text: str) -> Source:
    """What an argument names.

    Raises:
        UsageError: when it names nothing, with what is alike; for a revision where there is no git or no repository.
    """
    if text == WORKING_TREE:
        return WorkingTree(_need_root())
    if not text:
        raise UsageError("got an empty revision; name a branch, a tag, a commit, a rendered folder, or . for the files")
    folder = Path(text)
    if trees := _rendered(folder):
        return trees
    try:
        repository = Repository(_need_root())
        commit = repository.commit(text)
    except GitError as error:
        raise UsageError(_folder_in_words(text, folder) or str(error)) from None
    return Revision(repository.name_of(text, commit), repository, commit)


def pick(names: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The environments to compare, in the order of their names: those that were asked for, otherwise all.

    Raises:
        UsageError: for one that neither side has.
    """
    known = sorted(set(names))
    asked = list(dict.fromkeys(wanted))
    if unknown := [name for name in asked if name not in known]:
        advice = [f'neither side has an environment "{name}"; {did_you_mean(name, known)}' for name in unknown]
        raise UsageError("\n".join(advice))
    return sorted(asked) if asked else known


def _need_root() -> Path:
    root = find_root()
    if root is None:
        raise UsageError(
            f"no {PROJECT_FILE} here or in any folder above; run it inside the repository, or compare rendered folders"
        )
    return root


def _rendered(folder: Path) -> Rendered | None:
    """The rendered folders at a path; `None` when there are none."""
    name = str(folder)
    if not folder.is_dir() or (folder / PROJECT_FILE).exists():
        return None
    if _is_tree(folder):
        return Rendered(name, {folder.resolve().name: folder}, single=True)
    inner = {each.name: each for each in sorted(folder.iterdir()) if not each.name.startswith(".") and _is_tree(each)}
    return Rendered(name, inner) if inner else None


def _is_tree(folder: Path) -> bool:
    return folder.is_dir() and ((folder / MARKER).is_file() or any((folder / name).is_dir() for name in FOLDERS))


def _folder_in_words(text: str, folder: Path) -> str:
    """What is wrong with a path that was meant as a rendered folder; empty when it cannot have been."""
    if folder.is_dir():
        return f"{text} is no rendered folder: it has neither kubernetes/ nor cloud/; infra render ENV -o {text}/ENV"
    if folder.exists():
        return f"{text} is a file; name a revision, or a folder that infra render wrote"
    if text.endswith("/") or text.startswith(("./", "../", "/", "~")):
        return f"{text} does not exist; infra render ENV -o {text} writes it"
    return ""
