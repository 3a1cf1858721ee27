"""One list price, as the catalog and a team's own file have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["machine", "gpu", "disk", "disk-throughput", "storage", "fee", "autopilot", "managed-endpoint"]
"""What sort of thing is sold."""
Unit = Literal["hour", "GiB-month", "MiB/s-month"]
"""What a price buys one of."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One list price; the fields are the columns of `prices.tsv`.

    Attributes:
        kind: what sort of thing is sold.
        name: what it is called: a machine type, GKE's name of a GPU, a disk type, `gcp/nvidia-l4/x1`.
        provisioning: `on-demand`, `spot` or `flex-start`; empty where there is one way of buying only.
        region: where; empty for one price everywhere.
        unit: what `usd` buys: one for an hour, or a GiB or a MiB/s for a month.
        usd: US dollars.
        as_of: the day the price was true.
        source: where it can be looked up.
    """

    kind: Kind
    name: str
    provisioning: str
    region: str
    unit: Unit
    usd: float
    as_of: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a row of another table replaces it by."""
        return self.kind, self.name, self.provisioning, self.region
