"""A rendered folder as a snapshot: what `infra render` wrote, and what somebody may have changed in it by hand.

A file that is the same on both sides is read as text only: its resource is one object that both snapshots have, and its
content is parsed when somebody asks for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.core.errors import InferenceError
from components.core.manifest import object_token
from components.core.providers import FOLDERS, HELM_RELEASE
from components.core.secrets import SECRET

from ...render.render import MARKER
from ...stack.yamlfile import MAX_BYTES
from .identity import bare_resource, resource_key
from .manifests import ManifestError, read_manifest
from .snapshot import Resource, Snapshot

OTHER_SECRET = "[another secret]"
"""What stands for a secret's value in the head where it is not the base's."""
PLACEHOLDER = re.compile(r"\$\{[^}]+\}")
"""What stands for a value that only a deployment knows."""
_LISTS = {MARKER, "kubernetes/kustomization.yaml", "kubernetes/stages.txt"}
_ENDINGS = (".yaml", ".yml")
_CHART = ("name", "chart", "version", "namespace", "repositoryOpts", "values")
"""What a chart's file tells of its release."""
_VERSION = re.compile(r"^apiVersion: ([A-Za-z0-9./-]+)$", re.MULTILINE)
_KIND = re.compile(r"^kind: ([A-Za-z0-9]+)$", re.MULTILINE)
_METADATA = re.compile(r"^metadata:\n((?:  .*\n)+)", re.MULTILINE)
_NAME = re.compile(r'^  name: ("?)([a-z0-9.-]+)\1$', re.MULTILINE)
_NAMESPACE = re.compile(r'^  namespace: ("?)([a-z0-9-]+)\1$', re.MULTILINE)
_ANY_NAMESPACE = re.compile(r"^  namespace:", re.MULTILINE)


class FolderError(InferenceError):
    """A file that is read late, because both sides have it, and holds no manifest."""


class Content(Mapping[str, Any]):
    """A file's manifest, parsed when it is asked for."""

    __slots__ = ("_data", "_path", "_text")

    def __init__(self, path: str, text: str) -> None:
        self._path, self._text = path, text
        self._data: dict[str, Any] | None = None

    def read(self) -> dict[str, Any]:
        """The manifest.

        Raises:
            FolderError: when the file holds none.
        """
        if self._data is None:
            try:
                self._data = masked(read_manifest(self._text))
            except ManifestError as error:
                raise FolderError(f"{self._path}:{error.line}  {error}") from None
        return self._data

    def __getitem__(self, key: str) -> Any:
        return self.read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())

    def __eq__(self, other: object) -> bool:
        return self is other or self.read() == other

    __hash__ = None  # type: ignore[assignment]  # as a dict


def read_folder(folder: Path, environment: str) -> Snapshot:
    """One rendered folder; when it cannot be read, the snapshot has every problem of it as an error."""
    return _Folder(folder, _texts(folder)).snapshot(environment, {})


def read_folders(base: Path, head: Path, environment: str) -> tuple[Snapshot, Snapshot]:
    """Two rendered folders of an environment; what is the same in both is one object."""
    before, after = _texts(base), _texts(head)
    same = {path: text for path, text in before.items() if after.get(path) == text}
    shared = _Folder(base, same).lazy()
    old = _Folder(base, before).snapshot(environment, shared)
    new = _Folder(head, after).snapshot(environment, shared)
    if old.errors or new.errors:
        return old, new
    return old, with_secrets_told(new, before=_secrets(before), after=_secrets(after))


def as_rendered(snapshot: Snapshot) -> Snapshot:
    """A planned environment with no more than its rendered folder would tell."""
    return replace(
        snapshot,
        resources=tuple(
            replace(one, properties={key: one.properties[key] for key in _CHART if key in one.properties})
            if one.type == HELM_RELEASE
            else one
            for one in snapshot.resources
        ),
    )


def with_secrets_told(head: Snapshot, *, before: Mapping[str, Any], after: Mapping[str, Any]) -> Snapshot:
    """Mark values of the head's Secrets that differ, without telling any.

    Args:
        head: a snapshot whose Secrets have no values.
        before: the base's Secrets with their values, by the resource's key.
        after: the head's.
    """
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    if not changed:
        return head
    resources = []
    for one in head.resources:
        if one.key not in changed:
            resources.append(one)
            continue
        properties = dict(one.properties)
        for field in ("data", "stringData"):
            old, new = before[one.key].get(field) or {}, after[one.key].get(field) or {}
            if isinstance(new, Mapping) and isinstance(old, Mapping) and field in properties:
                properties[field] = {
                    name: OTHER_SECRET if name in old and old[name] != value else _mask(value)
                    for name, value in new.items()
                }
        resources.append(replace(one, properties=properties))
    return replace(head, resources=tuple(resources))


def _texts(folder: Path) -> dict[str, str | bytes]:
    """Every file by its path in the folder; bytes where it is no text."""
    found: dict[str, str | bytes] = {}
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                path = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{path}/")
                    continue
                content = b"\0"  # a link or a pipe: told below as a file that is no text
                if entry.is_file():
                    with open(entry.path, "rb") as file:  # noqa: PTH123 - thousands of files
                        content = file.read(MAX_BYTES + 1)
                try:
                    found[path] = content.decode()
                except UnicodeDecodeError:
                    found[path] = content
    return found


class _Folder:
    def __init__(self, folder: Path, texts: Mapping[str, str | bytes]) -> None:
        self.folder, self.texts = folder, texts

    def snapshot(self, environment: str, shared: Mapping[str, Resource]) -> Snapshot:
        """Read everything but what is shared."""
        resources: list[Resource] = []
        problems: list[tuple[str, int, str]] = []
        first: dict[str, str] = {}
        for path in self._ordered():
            try:
                resource = shared.get(path) or _read(path, self.texts[path])
            except ManifestError as error:
                problems.append((path, error.line, str(error)))
                continue
            resources.append(resource)
            if (same := first.setdefault(resource.key, path)) != path:
                problems.append((path, 1, f"is the same object as {same}, {resource.key}; keep one of them"))
        lines = tuple(f"{self.folder / path}:{line}  {message}" for path, line, message in sorted(problems))
        return Snapshot(environment, errors=lines) if lines else Snapshot(environment, tuple(resources))

    def lazy(self) -> dict[str, Resource]:
        """The files whose identity can be seen without parsing them."""
        found = {}
        for path, text in self.texts.items():
            if path.startswith("kubernetes/") and path not in _LISTS and isinstance(text, str):
                resource = _glanced(str(self.folder / path), text)
                if resource:
                    found[path] = resource
        return found

    def _ordered(self) -> list[str]:
        """The files of resources: cloud, charts, then objects in the order in which they are applied."""
        listed = self.texts.get("kubernetes/kustomization.yaml", "")
        lines = listed.splitlines() if isinstance(listed, str) else []
        order = {f"kubernetes/{line[2:].strip()}": number for number, line in enumerate(lines) if line.startswith("- ")}

        def place(path: str) -> tuple[int, int, str]:
            top = _top(path)
            return (FOLDERS.index(top) if top else -1, order.get(path, len(lines)), path)

        return sorted((path for path in self.texts if path not in _LISTS), key=place)


def _read(path: str, text: str | bytes) -> Resource:
    """The resource of a file.

    Raises:
        ManifestError: when it has none.
    """
    top = _top(path)
    if not top:
        folders = ", ".join(f"{folder}/" for folder in FOLDERS)
        raise ManifestError(1, f"is no part of a rendered folder, which has {folders}; move it")
    if isinstance(text, bytes) or "\0" in text:
        raise ManifestError(1, "is no text; move it")
    if not path.endswith(_ENDINGS):
        raise ManifestError(1, "is no YAML file; move it, or give it the ending .yaml")
    data = read_manifest(text)
    if top == "kubernetes":
        return _object(data)
    return _chart(data) if top == "charts" else _cloud(data)


def _object(data: dict[str, Any]) -> Resource:
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    missing = [key for key in ("apiVersion", "kind") if not _is_word(data.get(key))]
    if not _is_word(metadata.get("name")):
        missing.append("metadata.name")
    if missing:
        raise ManifestError(1, f"has no {' and no '.join(missing)}, which every object of a cluster has")
    namespace = metadata.get("namespace", "")
    if not isinstance(namespace, str):
        raise ManifestError(1, "has a metadata.namespace that is not text; put it in quotes")
    return bare_resource(object_token(data["apiVersion"], data["kind"]), namespace, metadata["name"], masked(data))


def _chart(data: dict[str, Any]) -> Resource:
    if missing := [key for key in ("name", "chart") if not _is_word(data.get(key))]:
        raise ManifestError(1, f"has no {' and no '.join(missing)}, which a chart's file has")
    given = dict(data)
    if repository := given.pop("repository", None):
        given["repositoryOpts"] = {"repo": repository}
    return bare_resource(HELM_RELEASE, "", data["name"], {key: given[key] for key in _CHART if key in given})


def _cloud(data: dict[str, Any]) -> Resource:
    properties = data.get("properties")
    missing = [key for key in ("type", "name") if not _is_word(data.get(key))]
    if missing or not isinstance(properties, dict):
        missing += [] if isinstance(properties, dict) else ["properties"]
        raise ManifestError(1, f"has no {' and no '.join(missing)}, which a cloud resource's file has")
    name = str(properties.get("name", data["name"]))
    return replace(bare_resource(data["type"], "", name, properties), protect=data.get("protect") is True)


def _glanced(path: str, text: str) -> Resource | None:
    """An object's identity from its text as we write it; `None` when that does not show it."""
    version, kind, block = _VERSION.search(text), _KIND.search(text), _METADATA.search(text)
    name = _NAME.search(block[1]) if block else None
    if not (version and kind and block and name):
        return None
    namespace = _NAMESPACE.search(block[1])
    if namespace is None and _ANY_NAMESPACE.search(block[1]):
        return None
    token = object_token(version[1], kind[1])
    return bare_resource(token, namespace[2] if namespace else "", name[2], Content(path, text))


def _secrets(texts: Mapping[str, str | bytes]) -> dict[str, Any]:
    """The Secrets of a folder, unmasked, by their key. They never leave this module."""
    found = {}
    for path, text in texts.items():
        if path.startswith("kubernetes/") and path not in _LISTS and isinstance(text, str) and "kind: Secret\n" in text:
            data = read_manifest(text)
            metadata = data["metadata"]
            token = object_token(data["apiVersion"], data["kind"])
            found[resource_key(token, metadata.get("namespace", ""), metadata["name"])] = data
    return found


def masked(data: dict[str, Any]) -> dict[str, Any]:
    """An object without the values of a Secret; placeholders are none."""
    if data.get("kind") != "Secret":
        return data
    return {
        key: {name: _mask(inner) for name, inner in value.items()}
        if key in ("data", "stringData") and isinstance(value, dict)
        else value
        for key, value in data.items()
    }


def _mask(value: Any) -> Any:
    return value if isinstance(value, str) and PLACEHOLDER.fullmatch(value) else SECRET


def _top(path: str) -> str:
    first, slash, _ = path.partition("/")
    return first if slash and first in FOLDERS else ""


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
