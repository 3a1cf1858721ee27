"""Other collectors and adapters for a stack, which are never a model's business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SCRAPERS: Mapping[str, Mapping[str, Any]] = {
    "managed": {"kind": "managed"},
    "standalone": {"kind": "standalone"},
    "operator": {"kind": "operator"},
    "none": {"kind": "none"},
}
"""Who scrapes, as `observability.prometheus` says it."""
ADAPTERS: Mapping[str, Mapping[str, Any] | None] = {
    "none": None,
    "install": {"kind": "prometheus-adapter", "state": "install"},
    "present": {"kind": "prometheus-adapter", "state": "present"},
    "stackdriver": {"kind": "stackdriver", "state": "present"},
}
"""Who adapts, as `addons.metrics_adapter` says it."""

NEEDS_ADAPTER = "needs a metrics adapter"
"""What is told of a model's signals: the one thing that an adapter decides."""


def watchings(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Who can scrape and adapt together on this stack's cluster."""
    on_gke = values.get("cluster", {}).get("kind", "gke") != "kubeconfig"
    for scraper in SCRAPERS:
        for adapter in ADAPTERS:
            asks_google = adapter == "stackdriver"
            has_none_to_ask = adapter == "install" and scraper in ("managed", "none")
            if (scraper != "managed" or on_gke) and (scraper == "managed" or not asks_google) and not has_none_to_ask:
                yield scraper, adapter


def watched(values: Mapping[str, Any], scraper: str, adapter: str | None = None) -> dict[str, Any]:
    """The same stack with another Prometheus, and another metrics adapter unless that is `None`."""
    addons = {**values.get("addons", {})}
    if scraper == "operator" and addons.get("prometheus_operator") != "install":
        addons["prometheus_operator"] = "present"
    if adapter is not None:
        addons["metrics_adapter"] = ADAPTERS[adapter]
    observability = {**values.get("observability", {}), "prometheus": SCRAPERS[scraper]}
    return {**values, "addons": addons, "observability": observability}
