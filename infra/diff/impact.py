"""What a change means to users, with numbers."""

from __future__ import annotations

from .pair import Pair
from .snapshot import Snapshot


class Impact:
    """What is looked up to tell what changes mean."""

    def __init__(self, base: Snapshot, head: Snapshot) -> None:
        self.base = base
        self.head = head

    def means(self, pair: Pair) -> str:
        """What users notice of one changed resource."""
        return ""
