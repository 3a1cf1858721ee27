"""Every back end of routes; a new one is named here and nowhere else."""

from __future__ import annotations

from typing import Annotated

from ...core.config import ByKind, members
from ..route import RouteSettings
from .istio import IstioRoute

RouteConfig = Annotated[IstioRoute, ByKind("istio")]
"""A route to one model, by the `kind` of what implements it. Omitted: istio."""
BACKENDS: tuple[type[RouteSettings], ...] = members(RouteConfig)
ROUTES = frozenset(backend.COMPONENT for backend in BACKENDS)
"""Kinds of the parts that are routes."""
