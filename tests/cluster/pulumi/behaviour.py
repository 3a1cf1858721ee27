"""Where versions of the Kubernetes provider differ in what these tests look at: what each does, and which is here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache as once

import pytest

from .provider import version


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one version of the provider does.

    Attributes:
        refuses_what_exists: whether an object that is in the cluster and not in the state stops an `up` until
            PULUMI_K8S_UPSERT_EXISTING_OBJECTS is set; otherwise an `up` adopts it.
        previews_conflicts: whether `preview --refresh` stops at a field that another manager owns, with the API
            server's conflict; otherwise it shows the update, and only the `up` is in conflict.
    """

    refuses_what_exists: bool
    previews_conflicts: bool


KNOWN = {
    "4.34.": Behaviour(refuses_what_exists=True, previews_conflicts=False),
    "4.0.0-20260115033456-": Behaviour(refuses_what_exists=False, previews_conflicts=True),
}
"""By how a version begins; the second is the one that tests/cluster/pulumi/provider builds."""


@once
def behaviour() -> Behaviour:
    """What the provider that is here does."""
    here = version()
    for start, known in KNOWN.items():
        if here.startswith(start):
            return known
    pytest.fail(f"what the Kubernetes provider {here} does is not in {__file__}: look, and add it", pytrace=False)
