"""What is read from a git repository: revisions, which files they have, and their content.

No hook, file-system monitor, external diff or pager is run, and nothing is written; contents are read as they were
committed, not as `git archive` or a checkout would change them (`export-ignore`, `export-subst`, `eol`).

GitError (UsageError)   no git, no repository, no such revision; the text says what to do
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from ...plan.environments import UsageError

SECONDS = 60
"""Longest wait for one answer of git's; a file system that needs more is stuck."""
_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.pager=cat", "--no-pager")
_INSTEAD = "compare two rendered folders"
_SHORT = 7
_LINK, _SUBMODULE = "120000", "160000"
_RANGE = ".."


class GitError(UsageError):
    """What git cannot do for us, and what to do about it."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file of a revision.

    Attributes:
        mode: git's, `100644`, `100755`, `120000` for a link, `160000` for a submodule.
        blob: the id of its content.
        path: from the folder that was asked for.
    """

    mode: str
    blob: str
    path: str


class Repository:
    """The git repository around a folder.

    Args:
        folder: any folder of its working tree, such as that of Pulumi.yaml. Paths of files are meant from there.

    Raises:
        GitError: when there is no git, or no repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        code, text, error = self._run("rev-parse", "--show-prefix")
        if code:
            where = str(folder.resolve())
            if "dubious ownership" in error:
                fix = f"trust it with: git config --global --add safe.directory {where}"
                raise GitError(f"{where} belongs to another user, and git does not read it; {fix}")
            raise GitError(f"{where} is not in a git repository; run it inside one, or {_INSTEAD}")
        self.prefix = text.rstrip("\n")

    def commit(self, revision: str) -> str:
        """The id of the commit that a person names.

        Raises:
            GitError: when there is none; it names those that look alike.
        """
        if revision.startswith("-"):
            raise GitError(f'got "{revision}", which is no revision: git takes none that begins with a dash')
        if _RANGE in revision:
            first, _, last = revision.replace("...", _RANGE).partition(_RANGE)
            raise GitError(f'got "{revision}", a range; write infra diff {first or "HEAD"} {last or "HEAD"}'.rstrip())
        if not revision.isprintable() or not revision:
            raise GitError(f"got {revision!r}, which is no revision; name a branch, a tag or a commit")
        code, text, error = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if code == 0:
            return text.strip()
        if "ambiguous" in error:
            raise GitError(f'"{revision}" begins more than one commit; write more of it')
        raise GitError(self._unknown(revision))

    def name_of(self, revision: str, commit: str) -> str:
        """How a person reads it: `origin/main (3a920eb)`; a commit's id once."""
        return commit[:_SHORT] if commit.startswith(revision) else f"{revision} ({commit[:_SHORT]})"

    def ids(self, commit: str, paths: Iterable[str]) -> dict[str, str]:
        """The id of each path's content in a commit, of a file or a whole folder; those that are not there are not."""
        listed = self._out("ls-tree", "-z", "--full-tree", commit, "--", *(self.prefix + path for path in paths))
        return {entry.path.removeprefix(self.prefix): entry.blob for entry in _entries(listed)}

    def files(self, commit: str) -> list[TreeEntry]:
        """Every file of a commit below our folder."""
        tree = f"{commit}:{self.prefix.removesuffix('/')}"
        code, text, _ = self._run("ls-tree", "-r", "-z", "--full-tree", tree)
        return list(_entries(text)) if code == 0 else []  # the folder was not there yet

    def contents(self, blobs: Sequence[str]) -> Iterator[bytes]:
        """The contents of some files, in the order given."""
        done = self._process(["cat-file", "--batch"], "".join(f"{blob}\n" for blob in blobs).encode())
        data, position = done.stdout, 0
        for blob in blobs:
            end = data.find(b"\n", position)
            head = data[position:end].split()
            if end < 0 or len(head) != 3:  # noqa: PLR2004 - id, type, size
                raise GitError(f"git cannot read the file {blob[:_SHORT]} of its own; run git fsck, or fetch again")
            size = int(head[2])
            yield data[end + 1 : end + 1 + size]
            position = end + 2 + size

    def changed(self, commit: str, paths: Sequence[str]) -> bool:
        """Whether the working tree differs from a commit in any of the paths; files that git does not know count."""
        code, _, error = self._run("diff", "--quiet", "--no-ext-diff", "--no-textconv", commit, "--", *paths)
        if code not in (0, 1):
            raise GitError(f"git cannot compare the working tree with {commit[:_SHORT]}: {_last(error)}")
        return code == 1 or bool(self._out("ls-files", "--others", "--exclude-standard", "-z", "--", *paths))

    @cached_property
    def is_shallow(self) -> bool:
        """Whether it was cloned without its history."""
        return self._out("rev-parse", "--is-shallow-repository").strip() == "true"

    @cached_property
    def _names(self) -> list[str]:
        """Branches and tags as people write them."""
        return self._out(
            "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"
        ).splitlines()

    def _unknown(self, revision: str) -> str:
        alike = get_close_matches(revision, self._names, n=3, cutoff=0.6)
        words = f'there is no revision "{revision}" here'
        if alike:
            words += f"; did you mean {' or '.join(alike)}?"
        words += " it may be on the server only: git fetch" if alike else "; git fetch brings what the server has"
        if self.is_shallow:
            words += "\nthis clone is shallow: git fetch --unshallow, or fetch-depth: 0 for actions/checkout"
        return words

    def _out(self, *arguments: str) -> str:
        code, text, error = self._run(*arguments)
        if code:
            raise GitError(f"git {arguments[0]} failed: {_last(error)}")
        return text

    def _run(self, *arguments: str) -> tuple[int, str, str]:
        done = self._process(list(arguments), None)
        return done.returncode, os.fsdecode(done.stdout), done.stderr.decode(errors="replace")

    def _process(self, arguments: list[str], given: bytes | None) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(  # noqa: S603 - a fixed program, no shell, and revisions never begin with a dash
                ["git", *_SAFE, *arguments],  # noqa: S607 - the git that a person has
                cwd=self.folder,
                env=_environment(),
                input=b"" if given is None else given,
                capture_output=True,
                check=False,
                timeout=SECONDS,
            )
        except FileNotFoundError:
            if not self.folder.is_dir():
                raise GitError(f"{self.folder} is no folder") from None
            raise GitError(f"git is not installed, and revisions are read with it; install it, or {_INSTEAD}") from None
        except subprocess.TimeoutExpired:
            raise GitError(f"git {arguments[0]} did not answer in {SECONDS} s; is the disk there?") from None


def _environment() -> Mapping[str, str]:
    """Ours, in the language that answers are looked for in, and without asking anybody for a password."""
    return {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def _entries(listed: str) -> Iterator[TreeEntry]:
    for line in filter(None, listed.split("\0")):
        described, _, path = line.partition("\t")
        mode, _, blob = described.split()
        yield TreeEntry(mode, blob, path)


def extract(repository: Repository, entries: Iterable[TreeEntry], folder: Path) -> None:
    """Write files of a revision below a folder, their bytes as they were committed.

    Links that lead out of the folder are left out, and so are submodules, which are other repositories.
    """
    wanted = [entry for entry in entries if entry.mode != _SUBMODULE and _is_inside(entry.path)]
    for parent in sorted({entry.path.rpartition("/")[0] for entry in wanted}):
        (folder / parent).mkdir(parents=True, exist_ok=True)
    links: list[tuple[str, str]] = []
    for entry, content in zip(wanted, repository.contents([entry.blob for entry in wanted]), strict=True):
        if entry.mode == _LINK:
            links.append((entry.path, os.fsdecode(content)))
        else:
            (folder / entry.path).write_bytes(content)
    # After the files: nothing is ever written through a link.
    for path, target in links:
        if not target.startswith("/") and _is_inside(os.path.normpath(f"{os.path.dirname(path)}/{target}".lstrip("/"))):  # noqa: PTH120
            (folder / path).symlink_to(target)


def _is_inside(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/") and not path.startswith(".git/")


def _last(error: str) -> str:
    lines = error.strip().splitlines()
    return lines[-1].removeprefix("fatal: ") if lines else "it says nothing"
