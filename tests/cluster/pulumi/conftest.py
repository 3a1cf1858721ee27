"""A copy of the repository for each test, in which the real Pulumi CLI runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..api import Api
from ..cluster import Cluster
from ..deploy import nodes_of
from ..environments import shipped
from .checkout import Checkout


@pytest.fixture
def checkout(empty: Api, cluster: Cluster, tmp_path: Path) -> Checkout:
    """A copy of the repository whose stack `local` deploys to the cluster, which is empty but for nodes."""
    nodes_of(empty, shipped("local"))
    return Checkout(tmp_path, "local", cluster.kubeconfig)
