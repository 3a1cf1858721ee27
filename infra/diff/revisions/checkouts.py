"""The files of the project at one moment: a revision's, written to a folder, or the working tree's, where they are."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path

from ...plan.environments import PROJECT_FILE
from ...stack.project import Project, load_project
from ...stack.stackfile import StackError, stack_paths
from .git import TreeEntry, extract
from .isolated import has_code, revision_folder
from .revisions import CODE, Revision, WorkingTree

_KEPT_REVISIONS = 8
_DAY_SECONDS = 24 * 3600


class Checkout:
    """The project at one moment.

    Args:
        source: which.
        temporary: what is needed until it closes.

    Attributes:
        name: for people.
        root: the folder that has its Pulumi.yaml and stack files.
        code: what tells its code from others': alike where two plan alike; empty when that is not known.
        runs_here: whether the code that runs now is its code.
        environments: stack files by environment, relative to `root`.
        errors: why its stack files cannot be found, one line each.
        notes: what a reader must know of it.
    """

    def __init__(self, source: Revision | WorkingTree, temporary: ExitStack) -> None:
        self.name = source.name
        self.notes: tuple[str, ...] = ()
        self.errors: tuple[str, ...] = ()
        self.environments: dict[str, Path] = {}
        self.runs_here = source.is_running_code()
        if isinstance(source, WorkingTree):
            self.root = source.root.resolve()
            self.code = "running" if self.runs_here else ""
            exists = True
        else:
            entries = source.files()
            paths = {entry.path for entry in entries}
            if entries and not self.runs_here and not has_code(paths):
                self.runs_here = True
                self.notes = (f"{self.name} has no code that plans: its stack files are read by the code of now",)
            known = source.repository.ids(source.commit, CODE)
            self.code = "running" if self.runs_here else " ".join(f"{path}={known[path]}" for path in sorted(known))
            self.root = _written(source, entries, temporary, whole=not self.runs_here)
            exists = PROJECT_FILE in paths
        if exists:
            self._find()
        else:
            self.notes = (f"{self.name} has no {PROJECT_FILE} here: it is from before this project",)

    @cached_property
    def project(self) -> Project:
        """What its Pulumi.yaml says. To be read in its folder."""
        return load_project(Path())

    def is_same(self, other: Checkout, environment: str) -> bool:
        """Whether an environment is planned from the same bytes by the same code in both."""
        if not self.code or self.code != other.code:
            return False
        here, there = self._bytes(environment), other._bytes(environment)
        return bool(here) and here == there

    def _bytes(self, environment: str) -> Sequence[bytes]:
        path = self.environments.get(environment)
        try:
            return [(self.root / file).read_bytes() for file in (PROJECT_FILE, path)] if path else []
        except OSError:
            return []

    def _find(self) -> None:
        try:
            with inside(self.root):
                self.environments = stack_paths(Path(), self.project)
        except StackError as error:
            self.errors = tuple(error.lines())


class inside:  # noqa: N801 - a verb, as contextlib.chdir is
    """Work in a folder, so that files are called as people know them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        try:
            self.before: str | None = os.getcwd()  # noqa: PTH109 - may be gone
        except OSError:
            self.before = None
        os.chdir(self.folder)

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            with suppress(OSError):
                os.chdir(self.before)


def _written(source: Revision, entries: Sequence[TreeEntry], temporary: ExitStack, *, whole: bool) -> Path:
    """A folder with the revision's files: the whole of them where its code runs, otherwise those of its stacks."""
    if not whole:
        folder = Path(temporary.enter_context(tempfile.TemporaryDirectory(prefix="infra-diff-")))
        extract(source.repository, [entry for entry in entries if entry.path == PROJECT_FILE], folder)
        extract(source.repository, list(_stacks(entries, folder)), folder)
        return folder
    kept = revision_folder(source.commit + source.repository.prefix.replace("/", "-").rstrip("-"))
    try:
        if not kept.is_dir():
            kept.parent.mkdir(parents=True, exist_ok=True)
            _forget_old(kept.parent)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=kept.parent) as work:
                extract(source.repository, entries, Path(work) / "files")
                with suppress(OSError):  # somebody else was quicker, with the same
                    (Path(work) / "files").rename(kept)
        os.utime(kept)
    except OSError:  # a disk that is full, or a home that nobody may write to
        kept = Path(temporary.enter_context(tempfile.TemporaryDirectory(prefix="infra-diff-")))
        extract(source.repository, entries, kept)
    return kept


def _stacks(entries: Sequence[TreeEntry], folder: Path) -> Iterator[TreeEntry]:
    """The files in the folder that Pulumi.yaml says holds the stacks; in all folders when it cannot be read."""
    try:
        with inside(folder):
            wanted = os.path.normpath(load_project(Path()).stack_config_dir)
    except StackError:
        return
    for entry in entries:
        parent, _, name = entry.path.rpartition("/")
        if (parent or ".") == wanted and name.startswith("Pulumi.") and name.endswith((".yaml", ".yml")):
            yield entry


def _forget_old(folder: Path) -> None:
    """Keep the revisions that were used last; one in use is younger than a day."""
    kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[_KEPT_REVISIONS:]:
        if time.time() - path.stat().st_mtime > _DAY_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
