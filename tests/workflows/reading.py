"""The workflows as data, with where each step stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))


class _Loader(yaml.SafeLoader):
    """YAML as GitHub reads it: `on` is a word and no truth."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool" or first not in "yYnNoO"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Job:
    """One job of a workflow."""

    file: str
    name: str
    data: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        """Its steps; none where it calls another workflow."""
        return list(self.data.get("steps", ()))

    @property
    def scripts(self) -> list[str]:
        """What its steps run."""
        return [step["run"] for step in self.steps if "run" in step]


def load(text: str) -> dict[str, Any]:
    """One workflow."""
    found = yaml.load(text, _Loader)  # noqa: S506 - a loader of plain data, see above
    assert isinstance(found, dict)
    return found


def workflows() -> dict[str, dict[str, Any]]:
    """Every workflow by the name of its file."""
    return {path.name: load(path.read_text(encoding="utf-8")) for path in FILES}


def jobs() -> Iterator[Job]:
    """Every job."""
    for file, data in workflows().items():
        for name, job in data["jobs"].items():
            yield Job(file, name, job)
