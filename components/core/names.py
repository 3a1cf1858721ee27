"""Physical names, all from one function, so that they are stable and never too long."""

from __future__ import annotations

import hashlib

LIMIT = 63
"""Characters of a DNS label (RFC 1123), the tightest limit among the objects we name."""


def physical_name(*parts: str, limit: int = LIMIT) -> str:
    """Join name parts with dashes; a name over `limit` characters is cut and ends in a hash of the whole.

    The hash keeps two long names apart that share their beginning. The same parts always give the same name.
    """
    name = "-".join(parts)
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-')}-{digest}"
