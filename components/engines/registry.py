"""Every engine a stack can name: those whose settings are typed, and any other server in a container."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from .custom.kind import CUSTOM
from .engine import Engine
from .kind import EngineKind
from .typed import TYPED

ENGINES: tuple[EngineKind, ...] = (*TYPED, CUSTOM)
"""Every engine."""
BY_KIND: Mapping[str, EngineKind] = MappingProxyType({engine.kind: engine for engine in ENGINES})
"""Every engine by its name in a stack."""

if TYPE_CHECKING:
    EngineConfig = Engine
else:
    # A type checker would want the union written out a second time, and there is no `X | Y` of a tuple.
    EngineConfig = Annotated[Union[tuple(engine.config for engine in ENGINES)], Field(discriminator="kind")]  # noqa: UP007
"""One engine's settings, told apart by their `kind`."""
