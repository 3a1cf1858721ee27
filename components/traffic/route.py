"""A route as everybody but its back end sees it: hosts, rules, shares, and what to ask whatever implements it.

A back end is a config model that derives from `RouteSettings`, in its own file of `backends/`. To add one, write that
file and name its model in `backends/registry.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from ..core.config import Config, DnsLabel, HostName, Percent, Seconds, patterned
from ..core.errors import MisfitError, Problem
from ..core.plan import Part

_WHOLE = 100


class HeaderMatch(Config):
    """A header's value; exactly one of the three."""

    exact: str | None = None
    """The whole value."""
    prefix: str | None = None
    """Its beginning."""
    regex: str | None = None
    """A regular expression (RE2) for the whole of it."""

    @model_validator(mode="after")
    def _one_way(self) -> HeaderMatch:
        ways = [way for way in ("exact", "prefix", "regex") if getattr(self, way) is not None]
        if len(ways) != 1:
            raise MisfitError(f"got {' and '.join(ways) or 'none'}; give exactly one of exact, prefix, regex")
        return self


class RouteRule(Config):
    """Where matching requests go; the first rule that matches decides."""

    headers: dict[Annotated[str, patterned(r"^[a-z0-9-]+$", "a header name in lower case")], HeaderMatch] = Field(
        default_factory=dict
    )
    """Headers that must all match. Omitted: every request matches."""
    path_prefix: Annotated[str, patterned(r"^/[!-~]*$", "a URL path such as /v1/health")] | None = None
    """How the path must begin. Omitted: any path."""
    to: Annotated[dict[DnsLabel, Percent], Field(min_length=1)]
    """Subsets and their shares in per cent, which sum to 100."""

    @model_validator(mode="after")
    def _weights_sum(self) -> RouteRule:
        total = sum(self.to.values())
        if total != _WHOLE:
            parts = " + ".join(str(weight) for weight in self.to.values())
            raise MisfitError(f"weights sum to {total} ({parts}); must be 100 in all", at=("to",))
        return self


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """The model that a route leads to.

    Attributes:
        namespace: its namespace, and that of the route's objects.
        host: its Service in the cluster's DNS.
        port: port of that Service.
        subsets: the subsets' names, each with the pod labels that define it; empty when there is one version.
    """

    namespace: str
    host: str
    port: int = 80
    subsets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class RouteSettings(Config):
    """What every route says, and what it answers about its back end."""

    COMPONENT: ClassVar[str]
    """Kind of its part in the plan, which is the class of its token: `VirtualService`."""
    TITLE: ClassVar[str]
    """What people call the back end: `Istio`."""
    NEEDS: ClassVar[tuple[str, ...]]
    """Add-ons that the cluster must have, by their names in `addons`."""
    WAITS_FOR: ClassVar[tuple[str, ...]]
    """Add-ons that come before the route where the stack installs them."""

    kind: str
    """What implements the route."""
    model: DnsLabel
    """The model's name in `models`."""
    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]
    """Host names clients use."""
    subsets: dict[DnsLabel, DnsLabel] = Field(default_factory=dict)
    """Names for the model's versions, such as v1: stable. Omitted: the versions' own names."""
    rules: Annotated[tuple[RouteRule, ...], Field(min_length=1)]
    """Rules in order; the last one should match every request."""
    timeout_seconds: Seconds | None = None
    """Longest answer. Omitted: no limit, because a generation streams for minutes."""

    @model_validator(mode="after")
    def _rules_are_reachable(self) -> Self:
        open_rules = [n for n, rule in enumerate(self.rules) if not rule.headers and not rule.path_prefix]
        first = open_rules[0] if open_rules else len(self.rules)
        MisfitError.raise_all(
            [
                Problem(("rules", number), f"is never reached: rules[{first}] matches every request; move it up")
                for number in range(first + 1, len(self.rules))
            ]
        )
        return self

    @property
    @abstractmethod
    def callers(self) -> tuple[str, ...]:
        """Namespaces that requests come from, which the model must let in."""

    @abstractmethod
    def door(self, name: str) -> str:
        """Where requests of the route `name` come in, in words for a picture."""

    @abstractmethod
    def part(
        self, name: str, target: RouteTarget, *, after: tuple[str, ...] = (), path: tuple[str | int, ...] = ()
    ) -> Part:
        """The route's objects; the outputs have at least its `hosts`.

        Args:
            name: the route's name.
            target: the model it leads to.
            after: keys of the parts that come first.
            path: where the settings stand in the stack file.
        """
