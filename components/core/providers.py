"""Who makes the resources of a plan: a row a Pulumi provider. What depends on the provider asks here."""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple, get_args

HELM_RELEASE = "kubernetes:helm.sh/v3:Release"
"""The provider's native Helm release. `helm.v4.Chart` would hide its children from the plan."""
Folder = Literal["cloud", "charts", "kubernetes"]
FOLDERS: tuple[Folder, ...] = get_args(Folder)
"""The folders of a rendered tree, foundations first."""


class Provider(NamedTuple):
    """A Pulumi provider.

    Attributes:
        name: the first word of its type tokens.
        plugin: the Python package that has its SDK; the plugin of the same version registers its resources.
        folder: where a rendered tree has its resources.
        in_cluster: whether its resources are objects of the cluster, whose properties are manifests, and charts.
    """

    name: str
    plugin: str
    folder: Folder
    in_cluster: bool


PROVIDERS = (
    Provider("gcp", "pulumi-gcp", "cloud", in_cluster=False),
    Provider("kubernetes", "pulumi-kubernetes", "kubernetes", in_cluster=True),
)
"""Every provider whose resources a plan can have."""


class ResourceType(NamedTuple):
    """What a type token says.

    Attributes:
        provider: whose it is.
        folder: where a rendered tree has such resources.
        kind: its last word: `Deployment`, `NodePool`.
    """

    provider: Provider
    folder: Folder
    kind: str

    @property
    def is_object(self) -> bool:
        """Whether such a resource is one object, whose properties are its manifest."""
        return self.folder == "kubernetes"


def provider_of(token: str) -> Provider | None:
    """Whose a type token is; `None` for a provider that no plan of ours has, as other people's programs do."""
    name = token.partition(":")[0]
    return next((provider for provider in PROVIDERS if provider.name == name), None)


@cache
def resource_type(token: str) -> ResourceType:
    """What a type token of a plan says.

    Raises:
        LookupError: for a provider that is not in the table, which is a bug of ours.
    """
    provider = provider_of(token)
    if provider is None:
        raise LookupError(f"{token} is of no provider that core/providers.py lists")
    return ResourceType(provider, "charts" if token == HELM_RELEASE else provider.folder, token.rpartition(":")[2])


def in_cluster(token: str) -> bool:
    """Whether a resource of any program is an object of the cluster, or a chart."""
    provider = provider_of(token)
    return provider is not None and provider.in_cluster


def is_object(token: str) -> bool:
    """Whether a resource of any program is a Kubernetes object, whose properties are its manifest."""
    return provider_of(token) is not None and resource_type(token).is_object
