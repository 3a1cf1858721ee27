"""Snapshots as JSON, which travel from the process that planned the base, whose code may be older or newer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

from components.core.errors import InferenceError
from components.core.facts import TrackFacts
from components.core.plan import NodeShape, Taint

from .snapshot import Resource, Snapshot

FORMAT = 1
"""The form of the JSON; only a change that an older reader would misunderstand raises it."""
_OF_TRACKS = tuple(one.name for one in fields(TrackFacts) if one.name not in ("demand", "metrics"))
"""What a snapshot has of a version."""


class SerialError(InferenceError):
    """JSON that is no snapshot, and why."""


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as plain data."""
    return {
        "format": FORMAT,
        **{one.name: getattr(snapshot, one.name) for one in fields(Snapshot)},
        "resources": [{one.name: getattr(entry, one.name) for one in fields(Resource)} for entry in snapshot.resources],
        "tracks": {
            key: [{name: getattr(track, name) for name in _OF_TRACKS} for track in tracks]
            for key, tracks in snapshot.tracks.items()
        },
        "nodes": [asdict(node) for node in snapshot.nodes],
    }


def from_json(data: Mapping[str, Any]) -> Snapshot:
    """The snapshot of some JSON. Keys that this code does not know are left out, missing ones have their defaults.

    Raises:
        SerialError: when it is no snapshot, or one of a form that this code does not know.
    """
    if not isinstance(data, Mapping) or data.get("format", FORMAT) != FORMAT:
        raise SerialError("is no snapshot that this version reads; make it again with `infra snapshot`")
    try:
        known = _known(Snapshot, data)
        known["resources"] = tuple(_resource(entry) for entry in data.get("resources", ()))
        known["tracks"] = {
            key: tuple(_track(entry) for entry in tracks) for key, tracks in data.get("tracks", {}).items()
        }
        known["nodes"] = tuple(_node(entry) for entry in data.get("nodes", ()))
        for name in ("errors", "notes", "findings", "waived", "footprints"):
            if known.get(name) is not None:
                known[name] = tuple(known[name])
        return Snapshot(**known)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SerialError(f"is no whole snapshot ({error}); make it again with `infra snapshot`") from None


def _resource(data: Mapping[str, Any]) -> Resource:
    known = _known(Resource, data)
    if not isinstance(known["properties"], Mapping):
        raise TypeError(f"properties of {known['key']} are no mapping")
    return Resource(**known | {"at": tuple(known["at"])})


def _track(data: Mapping[str, Any]) -> TrackFacts:
    known = _known(TrackFacts, data)
    return TrackFacts(**known | {name: tuple(known.get(name, ())) for name in ("signals", "adapted")})


def _node(data: Mapping[str, Any]) -> NodeShape:
    known = _known(NodeShape, data)
    taints = tuple(Taint(**_known(Taint, taint)) for taint in known["taints"])
    return NodeShape(**known | {"taints": taints, "zones": tuple(known["zones"]), "path": tuple(known.get("path", ()))})


def _known(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a class that are in some JSON."""
    missing = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
    if absent := [name for name in missing if name not in data]:
        raise ValueError(f"{kind.__name__} without {', '.join(absent)}")
    return {one.name: data[one.name] for one in fields(kind) if one.init and one.name in data}
