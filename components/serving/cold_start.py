"""How long a replica takes from nothing to its first answer: node, image, weights, loading, warm-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..catalog.loading import UNKNOWN, SpeedRange, rates, step_seconds
from ..core.quantity import MIB
from ..core.words import duration_range
from ..engines.image_facts import image_bytes

Source = Literal["hub", "disk", "filestore", "gcs-fuse", "hyperdisk-ml", "image", "unknown"]
"""Where a replica's weights come from."""


@dataclass(frozen=True, slots=True)
class ColdStartStep:
    """One step of a cold start.

    Attributes:
        name: `node`, `image`, `weights`, `load` or `warm-up`.
        seconds: how long it takes.
        in_container: whether it counts against the startup probe, which begins with the container.
    """

    name: str
    seconds: SpeedRange
    in_container: bool = True


@dataclass(frozen=True, slots=True)
class ColdStart:
    """The steps from no node to ready."""

    steps: tuple[ColdStartStep, ...]

    @property
    def low(self) -> float:
        """Seconds it takes at least: the least of every step that is known."""
        return sum(step.seconds.low or 0 for step in self.steps)

    @property
    def high(self) -> float | None:
        """Seconds it takes at most; `None` when a step's most is unknown."""
        highs = [step.seconds.high for step in self.steps if step.seconds.high is not None]
        return sum(highs) if len(highs) == len(self.steps) else None

    @property
    def unknown(self) -> tuple[str, ...]:
        """The steps of which something is unknown."""
        return tuple(step.name for step in self.steps if None in step.seconds)

    @property
    def in_container(self) -> ColdStart:
        """The steps that count against the startup probe."""
        return ColdStart(tuple(step for step in self.steps if step.in_container))

    def __str__(self) -> str:
        parts = [f"{step.name} {_span(step.seconds)}" for step in self.steps]
        return f"{duration_range(self.low, self.high)}: {', '.join(parts)}"


def cold_start(
    *, image: str, engine: str, source: Source, weights_bytes: int | None, throughput_mib: float | None = None
) -> ColdStart:
    """Estimate a cold start on a new node.

    Args:
        image: the last part of the server image's name, without tag.
        engine: the engine's name.
        source: where the weights come from.
        weights_bytes: their size; `None` when unknown.
        throughput_mib: most MiB/s of that source, when it was given one.
    """
    pull = rates()["image-pull"]
    steps = [
        ColdStartStep("node", step_seconds("node"), in_container=False),
        ColdStartStep("image", _seconds(image_bytes(image), pull), in_container=False),
    ]
    if source == "hub":
        steps.append(ColdStartStep("weights", _seconds(weights_bytes, rates()["hub"])))
    elif source == "image":
        steps.append(ColdStartStep("weights", _seconds(weights_bytes, pull), in_container=False))
    # From the node's own disk, what was just written is read from memory; from elsewhere, loading is reading.
    reading = _slower(rates()["gpu-load"], _rate(source, throughput_mib))
    return ColdStart(
        (
            *steps,
            ColdStartStep("load", _seconds(weights_bytes, reading)),
            ColdStartStep("warm-up", step_seconds("warm-up", engine)),
        )
    )


def _span(band: SpeedRange) -> str:
    return "unknown" if band.low is None else duration_range(band.low, band.high)


def _rate(source: Source, throughput_mib: float | None) -> SpeedRange | None:
    if source in ("hub", "image"):
        return None
    found = rates().get(source, UNKNOWN)
    if throughput_mib is None:
        return found
    return SpeedRange(None if found.low is None else min(found.low, throughput_mib), throughput_mib)


def _slower(one: SpeedRange, other: SpeedRange | None) -> SpeedRange:
    """The rate of two steps in one: as slow as the slower of them."""
    if other is None:
        return one
    low = None if one.low is None or other.low is None else min(one.low, other.low)
    high = min((rate for rate in (one.high, other.high) if rate is not None), default=None)
    return SpeedRange(low, high)


def _seconds(size: float | None, rate: SpeedRange) -> SpeedRange:
    if size is None:
        return UNKNOWN
    least = size / MIB / rate.high if rate.high else None
    most = size / MIB / rate.low if rate.low else None
    return SpeedRange(least, most)
