"""The plan as a tree of files, for `kubectl`, kustomize, Argo CD, Flux, and for reading.

    DIR/kubernetes/<namespace or _cluster>/<kind>-<name>.yaml    one object, as the cluster gets it
    DIR/kubernetes/kustomization.yaml                            all of them, in the plan's order
    DIR/kubernetes/stages.txt                                    in which order to apply them, and what to wait for
    DIR/cloud/<type>-<name>.yaml                                 one cloud resource, for reading: Pulumi creates it
    DIR/charts/<name>.yaml                                       one Helm chart: where it comes from, and its values
    DIR/.inference-render                                        says that the tree is ours to replace

The same plan always gives the same bytes. A tree is written beside its place and then moved there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from components.core.errors import InferenceError
from components.core.plan import Item, ItemOutput, Late, Part, Plan, SecretRef
from components.core.providers import FOLDERS

from ..terminal import fork
from .contents import contents
from .stages import below_kubernetes, stages_text
from .yaml_text import to_yaml

MARKER = ".inference-render"
"""Stands in every tree we write; its text is the version of the tree's format."""
FORMAT = "1\n"
CLUSTER_FOLDER = "_cluster"
"""Objects without a namespace. No namespace can have this name: a DNS label has no underscore."""

_OURS = {*FOLDERS, MARKER}
_ADVICE = {
    errno.ENOSPC: "free some space, or choose a folder on another disk",
    errno.EDQUOT: "free some of your quota, or choose a folder on another disk",
    errno.EACCES: "choose a folder that you can write to",
    errno.EPERM: "choose a folder that you can write to",
    errno.EROFS: "choose a folder that you can write to",
    errno.EBUSY: "it is a mount point; choose a folder inside it",
    errno.ENOTDIR: "a part of the path is a file; choose another folder",
    errno.EEXIST: "a file of that name is in the way; choose another folder",
    errno.ENAMETOOLONG: "the path is too long for the file system; choose a shorter folder or name",
}


_Placed: TypeAlias = tuple[str, Part, Item]
"""An item with the path of its file."""


class RenderError(InferenceError):
    """The tree cannot be written, and what to do about it. What stood in the folder before is still there."""


@dataclass(frozen=True, slots=True)
class RenderResult:
    """What was written.

    Attributes:
        files: how many files, those that list the others included.
        bytes: their size.
        objects: how many Kubernetes objects are among them.
    """

    files: int
    bytes: int
    objects: int


def render(plan: Plan, directory: Path) -> RenderResult:
    """Write the plan as a tree of files, in place of the tree that an earlier render left there.

    Args:
        plan: what to write.
        directory: a folder that does not exist, is empty, or holds a rendered tree and nothing else.

    Raises:
        RenderError: when two items have one path or a name that is none, when the folder holds something that is not
            ours, or when the file system refuses. The folder is then as it was.
    """
    paths = _paths(plan)
    try:
        target = Path(os.path.realpath(directory))
        _refuse_foreign(target, directory)
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        tree = work / "new"
        try:
            result = _write(plan, paths, tree, target if target.exists() else None)
            _replace(target, tree, work / "old")
        except BaseException:
            shutil.rmtree(tree, ignore_errors=True)
            with contextlib.suppress(OSError):
                work.rmdir()  # only when empty: should the old tree be stuck in it, it stays
            raise
        shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "choose another folder")
        raise RenderError(f"{directory}: {error.strerror or error}; {advice}") from error
    return result


def path_of(item: Item) -> str:
    """Where an item stands in a rendered tree, `kubernetes/production/deployment-llama.yaml`.

    Raises:
        RenderError: when its name or namespace cannot be part of a file name.
    """
    folder: str = item.folder
    name = f"{item.kind.lower()}-{item.object_name}.yaml"
    if item.is_chart:
        name = f"{item.object_name}.yaml"
    elif item.is_object:
        namespace = "" if item.kind == "Namespace" else item.namespace
        folder = f"{folder}/{namespace or CLUSTER_FOLDER}"
        _refuse_odd_name(item, namespace or CLUSTER_FOLDER)
    _refuse_odd_name(item, name)
    return f"{folder}/{name}"


def _refuse_odd_name(item: Item, name: str) -> None:
    if name.startswith(".") or not name.isprintable() or "/" in name or "\\" in name:
        raise RenderError(f"{item.name}: {name!r} cannot be a file name; use letters, digits, dashes and dots")


def _paths(plan: Plan) -> dict[int, str]:
    """The path of each item by its position in the plan."""
    owners: dict[str, str] = {}
    paths: dict[int, str] = {}
    for position, (part, item) in enumerate(plan.items()):
        path = path_of(item)
        owner = f"{part.key} ({item.role})"
        if path in owners:
            raise RenderError(f"{path}: both {owners[path]} and {owner} are written here; give one another name")
        owners[path] = owner
        paths[position] = path
    return paths


def _write(plan: Plan, paths: Mapping[int, str], tree: Path, earlier: Path | None) -> RenderResult:
    """Write every file of the tree."""
    items = [(paths[position], part, item) for position, (part, item) in enumerate(plan.items())]
    for folder in sorted({path.rpartition("/")[0] for path, _, _ in items} | {"kubernetes"}):
        (tree / folder).mkdir(parents=True)
    write = _write_in_two if len(items) >= fork.LARGE else _write_in_one
    shares = write(items, tree, earlier)
    held = {path: found for share in shares for path, found in share.held.items()}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "sortOptions": {"order": "fifo"},
        "resources": [below_kubernetes(path) for path, _, item in items if item.is_object and path not in held],
    }
    size = sum(share.bytes for share in shares)
    lists = {
        "kubernetes/kustomization.yaml": to_yaml(kustomization),
        "kubernetes/stages.txt": stages_text(plan, paths, held),
        MARKER: FORMAT,
    }
    for path, text in lists.items():
        size += _write_file(path, text, str(tree), earlier)
    objects = sum(1 for _, _, item in items if item.is_object)
    return RenderResult(files=len(items) + len(lists), bytes=size, objects=objects)


class _WrittenFiles(NamedTuple):
    """What came of some of the items: bytes written, and the placeholders of files that hold any, by path."""

    bytes: int
    held: dict[str, list[str]]


def _write_in_two(items: Sequence[_Placed], tree: Path, earlier: Path | None) -> list[_WrittenFiles]:
    """Half of the files here, the others in a second process where one can be had: making their text takes time."""
    if not fork.can_fork():
        return _write_in_one(items, tree, earlier)
    half = len(items) // 2
    with fork.beside(partial(_write_items, items[half:], tree, earlier)) as rest:
        return [_write_items(items[:half], tree, earlier), rest.result()]


def _write_in_one(items: Sequence[_Placed], tree: Path, earlier: Path | None) -> list[_WrittenFiles]:
    return [_write_items(items, tree, earlier)]


def _write_items(items: Sequence[_Placed], tree: Path, earlier: Path | None) -> _WrittenFiles:
    root, size = str(tree), 0
    held: dict[str, list[str]] = {}
    for path, part, item in items:
        try:
            text = to_yaml(contents(item))
        except (TypeError, ValueError) as error:
            raise RenderError(f"{part.key} ({item.role}): {error}") from error
        if "${" in text and (found := dict.fromkeys(_placeholders(item.properties))):
            held[path] = list(found)
        size += _write_file(path, text, root, earlier)
    return _WrittenFiles(size, held)


def _write_file(path: str, text: str, root: str, earlier: Path | None) -> int:
    """Write one file and return its size."""
    content = text.encode()
    if not (earlier and _link_same(f"{earlier}/{path}", f"{root}/{path}", content)):
        _write_new(f"{root}/{path}", content)
    return len(content)


def _write_new(path: str, content: bytes) -> None:
    """Write a file that is not there yet, in half the time that Python's own file objects take for small ones."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _link_same(earlier: str, path: str, content: bytes) -> bool:
    """Take over a file of the earlier tree that would not change; whether that could be done.

    It keeps its time stamp, so that watchers see what did change. It is also the fast way: ext4 looks long for a free
    inode where many were freed in the last minutes (`recently_deleted` in Linux' fs/ext4/ialloc.c), and writing and
    removing 9,000 files again and again took 2 to 7 seconds instead of half a second.
    """
    try:
        status = os.lstat(earlier)  # a link, or a pipe that nobody writes to, is not taken over
        if not stat.S_ISREG(status.st_mode) or status.st_size != len(content):
            return False
        with open(earlier, "rb") as file:  # noqa: PTH123  as in _write
            if file.read() != content:
                return False
        os.link(earlier, path)
    except OSError:  # not there, or a file system without links
        return False
    return True


def _refuse_foreign(target: Path, shown: Path) -> None:
    """Refuse a folder in which something would be lost."""
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        what = "a link that leads to itself" if target.is_symlink() else "a file"
        raise RenderError(f"{shown}: is {what}; choose a folder that does not exist yet")
    entries = {entry.name for entry in target.iterdir()}
    if entries and MARKER not in entries:
        raise RenderError(f"{shown}: is not empty and was not written by `infra render`; choose another folder")
    if foreign := sorted(entries - _OURS):
        raise RenderError(f"{shown}: {foreign[0]} is not part of a rendered tree; move it, or choose another folder")


def _replace(target: Path, tree: Path, aside: Path) -> None:
    """Move `tree` to `target`; what stood there goes `aside`, and back again if that fails."""
    if not target.exists():
        tree.rename(target)
        return
    target.rename(aside)
    try:
        tree.rename(target)
    except BaseException:
        aside.rename(target)
        raise


def _placeholders(value: Any) -> Iterator[str]:
    """Every value that only Pulumi knows, as it is written."""
    if isinstance(value, SecretRef | Late | ItemOutput):
        yield str(value)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _placeholders(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _placeholders(inner)
