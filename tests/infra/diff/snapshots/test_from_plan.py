"""A plan as a snapshot: what a resource is called, and what is kept of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.core.manifest import Shared
from components.core.plan import Item, Part, Plan, SecretRef
from infra.diff.snapshots.from_plan import resources_of, snapshot_of
from infra.diff.snapshots.identity import resource_key, resource_label
from infra.plan.environments import load

from ..stacks import ROOT, STACKS, TODAY, sides


@pytest.mark.parametrize(
    ("token", "namespace", "name", "key"),
    [
        ("kubernetes:apps/v1:Deployment", "production", "llama", "Deployment.apps production/llama"),
        ("kubernetes:core/v1:Service", "production", "llama", "Service production/llama"),
        ("kubernetes:core/v1:Namespace", "", "production", "Namespace production"),
        ("kubernetes:core/v1:Service", "default", "llama", "Service llama"),
        ("kubernetes:helm.sh/v3:Release", "", "istiod", "Release.helm.sh istiod"),
        ("gcp:container/nodePool:NodePool", "", "l4", "NodePool l4"),
    ],
)
def test_a_resource_is_known_by_kind_group_namespace_and_name(token: str, namespace: str, name: str, key: str) -> None:
    assert resource_key(token, namespace, name) == key


def test_the_api_version_is_no_part_of_an_identity() -> None:
    old, new = (resource_key(f"kubernetes:networking.istio.io/{v}:VirtualService", "a", "b") for v in ("v1beta1", "v1"))
    assert old == new
    assert resource_label("kubernetes:networking.istio.io/v1:VirtualService", "a", "b") == "VirtualService a/b"


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_keys_are_unique_in_every_environment(path: Path) -> None:
    keys = [one.key for one in resources_of(load(path, None).plan)]
    assert len(keys) == len(set(keys))


def test_placeholders_are_text_and_everything_else_is_not_copied() -> None:
    shared, secret = Shared({"a": {"b": 1}}), Shared({"token": SecretRef("hf_token")})
    items = tuple(
        Item(role, "kubernetes:core/v1:Secret", role, {"metadata": {"name": role}, "x": [held]})
        for role, held in (("a", shared), ("b", secret), ("c", secret))
    )
    plain, first, second = resources_of(Plan("dev", (Part("Model", "m", items),)))
    assert plain.properties is items[0].properties
    assert first.properties["x"] == second.properties["x"] == [{"token": "${secret:hf_token}"}]


def test_a_snapshot_is_plain_data_and_says_where_everything_stands(tmp_path: Path) -> None:
    one, _ = sides("prod", {}, tmp_path)
    json.dumps([resource.properties for resource in one.resources])
    assert one.lines.keys() == {".".join(map(str, entry.at)) for entry in one.resources if entry.at}
    assert all(finding["file"] == "stacks/Pulumi.prod.yaml" and finding["line"] for finding in one.findings or ())
    assert {entry["at"] for entry in one.footprints or ()} >= {"models.chat/blue", "models.arr-coc-vlm"}
    assert one.rules_held


def test_the_expensive_parts_can_be_left_out() -> None:
    loaded = load(ROOT / "stacks/Pulumi.dev.yaml", None)
    bare = snapshot_of(loaded, today=TODAY, proved=False, cost=False, picture=False)
    assert (bare.findings, bare.rules_held, bare.footprints, bare.cost, bare.picture) == (None, None, None, None, "")
    assert snapshot_of(loaded, today=TODAY).picture.startswith("<svg")


def test_snapshots_and_diffs_never_import_pulumi() -> None:
    program = (
        "import sys; import infra.diff.environment_diff, infra.diff.snapshots.from_plan, infra.diff.snapshots.serial;"
        "sys.exit(any(name.partition('.')[0].startswith('pulumi') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
