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
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.plan import Item, ItemOutput, Late, Plan, SecretRef

from .contents import contents
from .stages import below_kubernetes, stages_text
from .yaml_text import to_yaml

MARKER = ".inference-render"
"""Stands in every tree we write; its text is the version of the tree's format."""
FORMAT = "1\n"
CLUSTER_FOLDER = "_cluster"
"""Objects without a namespace. No namespace can have this name: a DNS label has no underscore."""

_OURS = {"kubernetes", "cloud", "charts", MARKER}
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


_BATCH = 100
"""Files that are written at a time."""


class RenderError(ValueError):
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
        target = directory.resolve()
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
    name = f"{item.kind.lower()}-{item.object_name}.yaml"
    if item.is_chart:
        folder, name = "charts", f"{item.object_name}.yaml"
    elif item.is_object:
        namespace = "" if item.kind == "Namespace" else item.namespace
        folder = f"kubernetes/{namespace or CLUSTER_FOLDER}"
        _refuse_odd_name(item, namespace or CLUSTER_FOLDER)
    else:
        folder = "cloud"
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


def _files(plan: Plan, paths: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    """Every file of the tree: path and text."""
    resources: list[str] = []
    held: dict[int, list[str]] = {}
    for position, (part, item) in enumerate(plan.items()):
        try:
            text = to_yaml(contents(item))
        except (TypeError, ValueError) as error:
            raise RenderError(f"{part.key} ({item.role}): {error}") from error
        yield paths[position], text
        if "${" in text and (found := dict.fromkeys(_placeholders(item.properties))):
            held[position] = list(found)
        elif item.is_object:
            resources.append(below_kubernetes(paths[position]))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "sortOptions": {"order": "fifo"},
        "resources": resources,
    }
    yield "kubernetes/kustomization.yaml", to_yaml(kustomization)
    yield "kubernetes/stages.txt", stages_text(plan, paths, held)
    yield MARKER, FORMAT


def _write(plan: Plan, paths: Mapping[int, str], tree: Path, earlier: Path | None) -> RenderResult:
    folders: set[str] = set()
    files = size = 0
    batch: list[tuple[str, bytes]] = []
    # The kernel's work on one batch goes on while the next one becomes text.
    with ThreadPoolExecutor(max_workers=1) as writer:
        waiting: list[Future[None]] = []
        for path, text in _files(plan, paths):
            folder = path.rpartition("/")[0]
            if folder not in folders:
                (tree / folder).mkdir(parents=True, exist_ok=True)
                folders.add(folder)
            content = text.encode()
            batch.append((path, content))
            files += 1
            size += len(content)
            if len(batch) == _BATCH:
                waiting.append(writer.submit(_write_batch, batch, tree, earlier))
                batch = []
        waiting.append(writer.submit(_write_batch, batch, tree, earlier))
    for written in waiting:
        written.result()
    return RenderResult(files=files, bytes=size, objects=sum(1 for _ in plan.objects()))


def _write_batch(batch: list[tuple[str, bytes]], tree: Path, earlier: Path | None) -> None:
    root = str(tree)
    for path, content in batch:
        if not (earlier and _link_same(f"{earlier}/{path}", f"{root}/{path}", content)):
            _write_new(f"{root}/{path}", content)


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
        raise RenderError(f"{shown}: is a file; choose a folder that does not exist yet")
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
