"""What differs, in the words that a headline has room for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from components.core.facts import image_version
from components.core.words import listed
from components.engines.flags import name_of
from components.kinds.pod import ContainerSpec

from ..changes.compare import PROTECT, Difference
from ..changes.pair import Pair
from ..changes.report import ABSENT, FieldChange

_FIELDS = {
    "guestAccelerators.count": "GPUs a node",
    "guestAccelerators.type": "GPU",
    "diskSizeGb": "GB of disk",
    "ephemeralStorageLocalSsdConfig": "local SSDs",
    "totalMaxNodeCount": "nodes at most",
    "totalMinNodeCount": "nodes always",
    "requests.nvidia.com/gpu": "GPUs",
}
"""Fields whose own name says too little."""
_MATCHES = ("exact", "prefix", "regex")
"""How a route matches a header or path, whose name comes before."""
_SWITCHES = {"spot": "Spot", "flexStart": "flex-start", "preemptible": "preemptible"}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LONGEST = 48
_ASIDE = ("metadata.annotations", "metadata.labels")
"""What is told only where nothing else differs: it says again what the arguments say."""


def causes(found: Iterable[tuple[Difference, FieldChange]], most: int = 2) -> str:
    """`TGI 3.3.6 → sha-db931fc, --max-total-tokens 4096 → 8192 and 3 more`; empty where nothing differs.

    Args:
        found: what differs, and the same as a report may show it.
        most: how many to tell.
    """
    entries = list(found)
    told = [entry for entry in entries if not any(aside in entry[0].place for aside in _ASIDE)] or entries
    words = list(dict.fromkeys(word for one, shown in told if (word := _cause(one, shown))))
    return listed(words, most)


def field_words(name: str) -> str:
    """`machine type` for `machineType`."""
    if "/" in name:
        return name
    return " ".join(word if word.isupper() else word.lower() for word in _CAMEL.sub(" ", name).split())


def value_words(value: Any) -> str | None:
    """A value in a few words; `None` for one that has none."""
    if value is True or value is False:
        return "on" if value else "off"
    if isinstance(value, int | float) or (isinstance(value, str) and value and "\n" not in value):
        text = str(value)
        if _COMMIT.fullmatch(text):
            return text[:8]
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    if isinstance(value, list) and all(isinstance(word, str) for word in value) and len(" ".join(value)) <= _LONGEST:
        return " ".join(value)
    return None


def image_words(container: ContainerSpec) -> str:
    """`TGI 3.3.6`; empty where a container has no image."""
    return f"{name_of(container.name)} {image_version(container.image)}".strip() if container.image else ""


def _cause(one: Difference, shown: FieldChange) -> str:
    last = one.steps[-1]
    if one.place == PROTECT:
        return "protected from now on" if shown.after else "no longer protected"
    owner = next((step.name for step in reversed(one.steps[:-1]) if step.sort == "entry"), ("",))[0]
    if last.sort == "field" and last.name == "image" and "containers" in one.place:
        return _image(str(owner), shown)
    if last.sort == "flag":
        return _flag(str(last.name), shown)
    if last.sort == "field" and last.name in _SWITCHES and "nodeConfig" in one.place:
        name = _SWITCHES[str(last.name)]
        return f"becomes {name}" if shown.after is True else f"no longer {name}"
    if last.sort == "entry":
        parts = [str(part) for part in last.name if part is not None]
        name = _metric(parts) if one.place.endswith("metrics") else next(iter(parts), "")
        noun = field_words(one.place.rpartition(".")[2]).removesuffix("s")
        return f"{noun} {name} {'added' if shown.before is ABSENT else 'removed'}"
    if last.sort == "member":
        noun = field_words(one.place.rpartition(".")[2])
        word = value_words(shown.after if shown.before is ABSENT else shown.before) or "one"
        return f"{noun} {'+' if shown.before is ABSENT else '−'} {word}"  # noqa: RUF001 - a minus sign
    if ".env" in one.place and last.name == "value":
        return _changed(str(owner), shown)
    return _changed(_name(one), shown)


def _name(one: Difference) -> str:
    names = [str(step.name) for step in one.steps if step.sort == "field"]
    known = _FIELDS.get(".".join(names[-2:])) or _FIELDS.get(names[-1])
    if known:
        return known
    if names[-2:-1] in (["labels"], ["annotations"]):
        return f"{names[-2].removesuffix('s')} {names[-1]}"
    if names[-1] in _MATCHES and len(names) > 1:
        return names[-2]
    if "metrics" in names:
        metric = next((step.name for step in one.steps if step.sort == "entry"), ())
        return f"{_metric([str(part) for part in metric if part is not None])} {field_words(names[-1])}".strip()
    if one.steps[-1].sort == "index":
        return f"{field_words(names[-1])} {one.steps[-1].name + 1}"
    return names[-1] if names[-1] in ("cpu", "memory") or "/" in names[-1] else field_words(names[-1])


def _metric(key: Sequence[str]) -> str:
    """The name of a metric by the key of its entry; Stackdriver's are `prometheus.googleapis.com|name|kind`."""
    name = key[-1] if key else ""
    return name.split("|")[1] if name.count("|") > 1 else name


def _image(container: str, shown: FieldChange) -> str:
    if not isinstance(shown.before, str) or not isinstance(shown.after, str):
        return f"image of {container}"
    old, new = image_version(shown.before), image_version(shown.after)
    name = name_of(container)
    if old != new:
        return f"{name} {old or 'without a tag'} → {new or 'without a tag'}"
    return f"{name} {_changed('image', shown).removeprefix('image ')}"


def _flag(flag: str, shown: FieldChange) -> str:
    if not flag:
        return _changed("arguments", shown)
    old, new = (None if side is True else value_words(side) for side in (shown.before, shown.after))
    if shown.before is ABSENT:
        return f"`{flag}`{f' {new}' if new else ''} added"
    if shown.after is ABSENT:
        return f"`{flag}` removed"
    return f"`{flag}` {old} → {new}" if old and new else f"`{flag}` changes"


def _changed(name: str, shown: FieldChange) -> str:
    old, new = value_words(shown.before), value_words(shown.after)
    if shown.before is ABSENT:
        return f"{name} {new}" if new else f"{name} added"
    if shown.after is ABSENT:
        return f"{name} {old} removed" if old else f"{name} removed"
    return f"{name} {old} → {new}" if old is not None and new is not None else f"{name} changes"


def pairs_of(pair: Pair, shown: Iterable[FieldChange]) -> Iterator[tuple[Difference, FieldChange]]:
    """Differences with what a report shows of them."""
    return zip(pair.differences, shown, strict=True)
