"""Custom resource definitions: which the tests need, where each comes from, and whether it can be had here."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache as once
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import yaml

from .binaries import MissingToolError
from .modules import CONTROL_PLANE
from .place import HERE, REPOSITORY, cache, say

TABLE = HERE / "crds.tsv"
_SECONDS = 60
_NOTE = (
    "DERIVED from datreeio/CRDs-catalog cloud.google.com/computeclass_v1.json (MIT); not a GKE-published file; "
    "scope and names from GKE docs"
)
_YAML_WIDTH = 200


class UnavailableError(RuntimeError):
    """A definition that cannot be had here, and why."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One file of definitions.

    Attributes:
        file: its name, wherever it is kept.
        kind: `module` for a file of a Go module, `url` for one of a release, `schema` for a JSON schema at a URL from
            which the definition is made.
        source: `<module>@<version> <path>`, or the URL.
        sha256: of the file.
    """

    file: str
    kind: str
    source: str
    sha256: str


def definitions() -> list[Definition]:
    """The table: one row a file."""
    with TABLE.open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [Definition(row["file"], row["kind"], row["source"], row["sha256"]) for row in rows]


def folders() -> list[Path]:
    """Where files are looked for that no Go module gives, first one first."""
    given = os.environ.get("CRDS_DIR")
    return [*([Path(given)] if given else []), cache() / "crds", REPOSITORY.parent / "shared" / "crds"]


def content(definition: Definition) -> bytes:
    """The file, from its Go module, or else from one of `folders()`.

    Raises:
        UnavailableError: when it is in none of them, or is another file of that name.
    """
    reason = "run `make crds`"
    if definition.kind == "module":
        module, path = definition.source.split(" ")
        answer = _module(module)
        if "Error" not in answer:
            return _checked(definition, Path(answer["Dir"]) / path)
        reason = answer["Error"]
    for folder in folders():
        if (folder / definition.file).is_file():
            return _checked(definition, folder / definition.file)
    raise UnavailableError(f"{definition.file} is not here; {reason}, or set CRDS_DIR to a folder that has it")


def resources(definition: Definition) -> list[dict[str, Any]]:
    """The definitions in a file."""
    return [document for document in yaml.load_all(content(definition), _LOADER) if document]


def fetch() -> Iterator[str]:
    """Get every Go module that has files, and every other file that is in none of `folders()` from its project.

    Files are kept in `CRDS_DIR`, or else in one that later runs look into; modules are, by Go.

    Yields:
        What could not be had, a line each.
    """
    folder = folders()[0]
    folder.mkdir(parents=True, exist_ok=True)
    absent = []
    for definition in definitions():
        try:
            content(definition)
        except UnavailableError as error:
            if definition.kind == "module":
                yield str(error)
            else:
                absent.append(definition)
    for position, definition in enumerate(absent):
        try:
            data = _downloaded(definition)
        except HTTPError as error:
            yield f"{definition.file}: {definition.source} answers {error.code} {error.reason}"
        except (OSError, HTTPException) as error:
            # The next would wait as long: they are all on one host.
            left = ", ".join(other.file for other in absent[position:])
            reason = getattr(error, "reason", None) or error or type(error).__name__
            yield f"{definition.source} cannot be had: {reason}. Without a network, copy the files from a machine that "
            yield f"has them, and set CRDS_DIR to their folder; missing: {left}"
            return
        else:
            if _sha256(data) == definition.sha256:
                _write(folder / definition.file, data)
                say(f"{definition.file} is in {folder}")
            else:
                yield f"{definition.file}: {definition.source} is not the file the table names; nothing was kept"


def _downloaded(definition: Definition) -> bytes:
    with urlopen(definition.source, timeout=_SECONDS) as answer:  # noqa: S310 - the table's own
        data: bytes = answer.read()
    if definition.kind != "schema":
        return data
    try:
        return _compute_class(json.loads(data))
    except ValueError:
        return data  # no schema, and so not the file


def _write(path: Path, data: bytes) -> None:
    """The whole file or nothing, whenever this ends."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _checked(definition: Definition, path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnavailableError(f"{definition.file}: {error}") from None
    if _sha256(data) != definition.sha256:
        raise UnavailableError(f"{path} is not the file {TABLE.name} names: its SHA-256 differs; run `make crds`")
    return data


def _module(module: str) -> dict[str, str]:
    """What Go says of a module: the `Dir` where it keeps it, or the `Error`."""
    named = {row.source.split(" ")[0] for row in definitions() if row.kind == "module"}
    return _modules(*sorted(named | {module}))[module]


@once
def _modules(*modules: str) -> dict[str, dict[str, str]]:
    """The same of several, which Go downloads at the same time and checks against its checksum database."""
    try:
        done = CONTROL_PLANE.run("mod", "download", "-json", *modules)
    except MissingToolError as error:
        return {module: {"Error": str(error)} for module in modules}
    # One object after the other, not a list; when Go cannot even begin, none.
    answers = json.loads("[" + done.stdout.replace("}\n{", "},{") + "]")
    failed = {module: {"Error": done.stderr.strip()} for module in modules}
    return failed | {f"{answer['Path']}@{answer['Version']}": answer for answer in answers}


def _compute_class(schema: dict[str, Any]) -> bytes:
    """GKE's ComputeClass, of which Google publishes no file: a dump of its schema, put into a definition.

    `additionalProperties: false` goes: the API server forbids it beside `properties`, and prunes by itself.
    """
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _without_closed(schema)},
        "subresources": {"status": {}},
    }
    names = {
        "kind": "ComputeClass",
        "listKind": "ComputeClassList",
        "plural": "computeclasses",
        "singular": "computeclass",
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "computeclasses.cloud.google.com", "annotations": {"note": _NOTE}},
        "spec": {"group": "cloud.google.com", "scope": "Cluster", "names": names, "versions": [version]},
    }
    return yaml.safe_dump(definition, sort_keys=False, width=_YAML_WIDTH).encode()


def _without_closed(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_closed(value) for key, value in node.items() if (key, value) != _CLOSED}
    return [_without_closed(value) for value in node] if isinstance(node, list) else node


_CLOSED = ("additionalProperties", False)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
