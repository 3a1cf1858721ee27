"""The table of providers: what a type token says, and that Pulumi knows every row."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from components.core.plan import Item
from components.core.providers import (
    FOLDERS,
    HELM_RELEASE,
    PROVIDERS,
    Provider,
    in_cluster,
    is_object,
    provider_of,
    resource_type,
)


@pytest.mark.parametrize(
    ("token", "provider", "folder", "kind"),
    [
        ("kubernetes:apps/v1:Deployment", "kubernetes", "kubernetes", "Deployment"),
        (HELM_RELEASE, "kubernetes", "charts", "Release"),
        ("gcp:container/nodePool:NodePool", "gcp", "cloud", "NodePool"),
    ],
)
def test_a_token_says_whose_a_resource_is_and_where_it_is_rendered(
    token: str, provider: str, folder: str, kind: str
) -> None:
    item = Item("role", token, "name", {})
    assert (item.provider.name, item.folder, item.kind) == (provider, folder, kind)
    assert item.is_object == is_object(token) == (folder == "kubernetes")
    assert item.is_chart == (folder == "charts")
    assert in_cluster(token) == (provider == "kubernetes")


def test_a_token_of_no_known_provider_is_a_bug_in_a_plan_and_somebody_elses_in_a_program() -> None:
    token = "aws:s3/bucket:Bucket"
    with pytest.raises(LookupError, match=r"aws:s3/bucket:Bucket is of no provider that core/providers\.py lists"):
        resource_type(token)
    assert provider_of(token) is None
    assert not is_object(token)
    assert not in_cluster(token)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_provider_has_an_installed_plugin_and_a_folder(provider: Provider) -> None:
    assert version(provider.plugin)
    assert provider.folder in FOLDERS
    assert provider_of(f"{provider.name}:some/v1:Thing") is provider
