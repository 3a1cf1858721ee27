"""Rendered folders: read as they were written, edited by hand where that makes sense, and refused with every reason."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.core.secrets import SECRET
from infra.diff.environment_diff import diff
from infra.diff.revisions.sides import adopted
from infra.diff.snapshots import folder as folders
from infra.diff.snapshots.folder import OTHER_SECRET, FolderError, as_rendered, read_folder, read_folders
from infra.diff.snapshots.from_plan import snapshot_of
from infra.diff.snapshots.manifests import ManifestError, read_manifest
from infra.diff.snapshots.snapshot import Snapshot
from infra.plan.environments import load
from infra.render.render import render
from infra.render.yaml_text import to_yaml
from infra.stack.stackfile import load_project
from tests.rendered import ENVIRONMENTS, ROOT

DEPLOYMENT = "kubernetes/inference/deployment-qwen.yaml"


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trees")
    for name, path in ENVIRONMENTS.items():
        render(load(path, load_project(ROOT)).plan, folder / name)
    return folder


@pytest.fixture
def pair(trees: Path, tmp_path: Path) -> tuple[Path, Path]:
    for side in ("base", "head"):
        shutil.copytree(trees / "local", tmp_path / side)
    return tmp_path / "base", tmp_path / "head"


def refused(folder: Path) -> list[str]:
    return [line.replace(f"{folder}/", "") for line in read_folder(folder, "local").errors]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_rendered_folder_is_the_plan_it_was_made_of(trees: Path, name: str) -> None:
    """Identities, order among objects, and every property as it was: text stays text, numbers numbers."""
    planned = as_rendered(snapshot_of(load(ENVIRONMENTS[name], load_project(ROOT)), today=date(2026, 1, 1)))
    found = read_folder(trees / name, name)
    wanted = {one.key: one for one in planned.resources}
    assert [one.key for one in found.resources if one.type.startswith("kubernetes:") and one.kind != "Release"] == [
        one.key for one in planned.resources if one.type.startswith("kubernetes:") and one.kind != "Release"
    ]
    assert {one.key for one in found.resources} == wanted.keys()
    for one in found.resources:
        other = wanted[one.key]
        assert (one.type, one.kind, one.namespace, one.name) == (other.type, other.kind, other.namespace, other.name)
        # An object's file is what the cluster gets, which knows nothing of Pulumi's protection.
        assert one.protect == (other.protect and not one.type.startswith("kubernetes:"))
        assert one.properties == folders.masked(dict(other.properties))
    assert diff(*adopted(found, planned)).changes == ()


def test_what_is_the_same_in_both_is_one_object_and_not_parsed(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, head = pair
    path = head / DEPLOYMENT
    path.write_text(path.read_text().replace("replicas: 1", "replicas: 4"))
    parsed: list[str] = []

    def counted(text: str) -> dict[str, Any]:
        parsed.append(text)
        return read_manifest(text)

    monkeypatch.setattr(folders, "read_manifest", counted)
    before, after = read_folders(base, head, "local")
    assert len(parsed) == 2
    old, new = ({one.key: one for one in side.resources} for side in (before, after))
    assert old.keys() == new.keys()
    assert [key for key in old if old[key] is not new[key]] == ["Deployment.apps inference/qwen"]
    service = new["Service inference/qwen"]
    assert service.properties["spec"]["ports"]
    assert dict(service.properties) == yaml.safe_load((head / "kubernetes/inference/service-qwen.yaml").read_text())


def test_an_edit_by_hand_is_a_difference(pair: tuple[Path, Path]) -> None:
    base, head = pair
    path = head / DEPLOYMENT
    path.write_text(path.read_text().replace("replicas: 1", "replicas: 4"))
    (head / "kubernetes/inference/extra.yaml").write_text("kind: ConfigMap\napiVersion: v1\nmetadata: {name: extra}\n")
    (head / "kubernetes/inference/service-qwen.yaml").unlink()
    (head / "kubernetes/kustomization.yaml").unlink()
    changes = diff(*read_folders(base, head, "local")).changes
    assert sorted((one.action, one.resource) for one in changes) == [
        ("create", "ConfigMap extra"),
        ("delete", "Service inference/qwen"),
        ("update", "Deployment inference/qwen"),
    ]


def test_every_problem_of_a_folder_is_told_at_once_with_file_and_line(pair: tuple[Path, Path]) -> None:
    _, head = pair
    space = head / "kubernetes/inference"
    good = (head / DEPLOYMENT).read_text()
    (space / "a-broken.yaml").write_text("kind: Pod\nspec: {a: [1\n")
    (space / "b-two.yaml").write_text("kind: Pod\n---\nkind: Pod\n")
    (space / "c-kindless.yaml").write_text("apiVersion: v1\nmetadata: {name: a}\n")
    (space / "d-empty.yaml").write_text("# nothing\n")
    (space / "e-list.yaml").write_text("- a\n")
    (space / "f-twice.yaml").write_text("kind: Pod\napiVersion: v1\nkind: Pod\n")
    (space / "g-copy.yaml").write_text(good)
    (space / "h-nameless.yaml").write_text("kind: Pod\n")
    (space / "i-number.yaml").write_text("kind: Pod\napiVersion: v1\nmetadata: {name: a, namespace: 3}\n")
    (space / "notes.txt").write_text("do not forget\n")
    (space / "z.yaml").write_bytes(b"\xff\xfe")
    (head / "README.md").write_text("mine\n")
    (head / "cloud").mkdir()
    (head / "cloud/a.yaml").write_text("type: gcp:x\n")
    (head / "charts").mkdir()
    (head / "charts/a.yaml").write_text("values: {}\n")
    assert refused(head) == [
        "README.md:1  is no part of a rendered folder, which has cloud/, charts/, kubernetes/; move it",
        "charts/a.yaml:1  has no name and no chart, which a chart's file has",
        "cloud/a.yaml:1  has no name and no properties, which a cloud resource's file has",
        "kubernetes/inference/a-broken.yaml:3  is not YAML: did not find expected ',' or ']'",
        "kubernetes/inference/b-two.yaml:2  begins a second document; a rendered file holds one: split it",
        "kubernetes/inference/c-kindless.yaml:1  has no kind, which every object of a cluster has",
        "kubernetes/inference/d-empty.yaml:1  is empty; delete it, or write one object",
        "kubernetes/inference/e-list.yaml:1  is no mapping; a file holds one object",
        "kubernetes/inference/f-twice.yaml:3  sets a key twice, on lines 1 and 3; keep one of them",
        (
            f"kubernetes/inference/g-copy.yaml:1  is the same object as {DEPLOYMENT}, Deployment.apps inference/qwen; "
            "keep one of them"
        ),
        (
            "kubernetes/inference/h-nameless.yaml:1  has no apiVersion and no metadata.name, which every object of a "
            "cluster has"
        ),
        "kubernetes/inference/i-number.yaml:1  has a metadata.namespace that is not text; put it in quotes",
        "kubernetes/inference/notes.txt:1  is no YAML file; move it, or give it the ending .yaml",
        "kubernetes/inference/z.yaml:1  is no text; move it",
    ]


def test_a_broken_base_leaves_the_head(pair: tuple[Path, Path]) -> None:
    base, head = pair
    (base / DEPLOYMENT).write_text("kind: [\n")
    before, after = read_folders(base, head, "local")
    assert len(before.errors) == 1
    assert len(after.resources) == 7


def test_a_file_that_both_have_and_neither_can_read_is_told_when_it_is_asked_for(pair: tuple[Path, Path]) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: [\n"
    for folder in pair:
        (folder / "kubernetes/inference/a.yaml").write_text(text)
    before, _ = read_folders(*pair, "local")
    odd = next(one for one in before.resources if one.key == "ConfigMap a")
    with pytest.raises(FolderError, match=r"a\.yaml:6  is not YAML"):
        odd.properties.get("data")


def test_a_secrets_values_are_never_kept_and_a_change_of_one_is_told(pair: tuple[Path, Path]) -> None:
    for folder, password in zip(pair, ("hunter2", "hunter3"), strict=True):
        (folder / "kubernetes/inference/secret.yaml").write_text(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n"
            f"  password: {password}\n  same: abc\n  token: ${{secret:hf_token}}\n"
        )
    base, head = read_folders(*pair, "local")
    old, new = (next(one for one in side.resources if one.kind == "Secret") for side in (base, head))
    assert old.properties["stringData"] == {"password": SECRET, "same": SECRET, "token": "${secret:hf_token}"}
    assert new.properties["stringData"] == {"password": OTHER_SECRET, "same": SECRET, "token": "${secret:hf_token}"}
    assert "hunter" not in repr((base, head, diff(base, head)))


def test_what_a_link_leads_to_is_not_read(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.yaml").write_text("kind: Pod\n")
    (pair[1] / "kubernetes/linked").symlink_to(tmp_path / "outside")
    assert refused(pair[1]) == ["kubernetes/linked:1  is no text; move it"]


def test_the_environment_is_the_one_asked_for(trees: Path) -> None:
    assert isinstance(read_folder(trees / "dev", "dev"), Snapshot)
    assert read_folder(trees / "dev", "other").environment == "other"


LEAVES = st.one_of(
    st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
KEYS = st.text(max_size=8)
DATA = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)), min_size=1
)


@given(DATA)
def test_what_we_write_comes_back_as_it_was(data: dict[str, Any]) -> None:
    try:
        text = to_yaml(data)
    except ValueError:  # lone surrogates
        return
    found = read_manifest(text)
    assert found == data
    assert repr(found) == repr(data)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-21", "2026-11-21"), ("1:30", "1:30"), ("yes", True), ("Off", False), ("0x1f", 31), ("010", 8),
        ("0o10", 8), ("1e3", 1000.0), ("-7", -7), ("+1", 1), ("~", None), ("", None), ("=", "="), (".inf", ".inf"),
        ("1_000", "1_000"), ("'1'", "1"), ("!!str 1", "1"), (".5", 0.5), ("-", [None]),
    ],
)  # fmt: skip
def test_scalars_mean_what_kubectl_takes_them_for(text: str, value: Any) -> None:
    found = read_manifest(f"a:\n  {text}\n" if text == "-" else f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: *b\n", 1, "is not YAML: found undefined alias"),
        ("? [a]\n: 1\n", 1, "has a key that is not text; put it in quotes"),
        ("a: !!python/object:os.system {}\n", 1, ("is not YAML: could not determine a constructor for the tag "
         "'tag:yaml.org,2002:python/object:os.system'")),
        ("a: " + "[" * 200 + "]" * 200, 1, "is nested more than 100 deep; check for brackets that are not closed"),
        ("a: \x00\n", 1, "is not YAML: unacceptable character #x0000: control characters are not allowed"),
        ("a: !!int x\n", 1, "is not YAML: ValueError"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ManifestError) as error:
        read_manifest(text)
    assert (error.value.line, str(error.value)) == (line, message)
