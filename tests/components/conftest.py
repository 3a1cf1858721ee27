"""Pools and sites that several tests share."""

from __future__ import annotations

import pytest

from components.gpu.node_pool import GpuNodePoolConfig, Nodes
from components.gpu.node_shape import node_shape
from components.gpu.placement import placement
from components.serving.site import Site


@pytest.fixture
def l4_site() -> Site:
    """One pool with one L4 a node."""
    pool = GpuNodePoolConfig(accelerator="nvidia-l4", machine_type="g2-standard-12", nodes=Nodes(max=4))
    shape = node_shape("l4", pool, location="us-central1")
    return Site(nodes=(shape,), placement=placement({"l4": pool}, gpus=1))
