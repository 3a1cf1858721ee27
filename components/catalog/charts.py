"""Helm charts of add-ons at the versions we pin, the CRDs each add-on brings, and the images of our own monitors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ..core.errors import ConfigError, Problem, did_you_mean
from .table import rows


@dataclass(frozen=True, slots=True)
class ChartVersion:
    """A Helm chart at one version.

    Attributes:
        addon: add-on it belongs to, as `addons` spells it.
        release: name of the Helm release; unique.
        chart: name in its repository, or a whole `oci://` address.
        repository: address of the chart repository; empty for `oci://` charts.
        version: chart version.
        namespace: where it is installed.
        timeout_seconds: how long Helm waits for its objects.
    """

    addon: str
    release: str
    chart: str
    repository: str
    version: str
    namespace: str
    timeout_seconds: int


@cache
def all_charts() -> tuple[ChartVersion, ...]:
    """Every pinned chart, in the order charts of one add-on are installed."""
    return tuple(
        ChartVersion(
            addon=row["addon"],
            release=row["release"],
            chart=row["chart"],
            repository=row["repository"],
            version=row["version"],
            namespace=row["namespace"],
            timeout_seconds=int(row["timeout_seconds"]),
        )
        for row in rows("charts")
    )


@cache
def charts_of(addon: str) -> tuple[ChartVersion, ...]:
    """The charts that make up an add-on; empty when none is pinned."""
    return tuple(entry for entry in all_charts() if entry.addon == addon)


@cache
def chart(release: str) -> ChartVersion:
    """A chart by the name of its release.

    Raises:
        ConfigError: when we pin no such chart.
    """
    found = {entry.release: entry for entry in all_charts()}
    if release not in found:
        raise ConfigError([Problem(("release",), f'no chart "{release}"; {did_you_mean(release, found)}')])
    return found[release]


@cache
def crds_of(addon: str) -> tuple[str, ...]:
    """Names of the CustomResourceDefinitions that an add-on must bring for our objects to be accepted."""
    return tuple(row["crd"] for row in rows("addon_crds") if row["addon"] == addon)


@cache
def addon_image(name: str) -> str:
    """The pinned image of a monitor we run ourselves, with its digest."""
    row = next(row for row in rows("addon_images") if row["name"] == name)
    return f"{row['repository']}:{row['tag']}@{row['digest']}"
