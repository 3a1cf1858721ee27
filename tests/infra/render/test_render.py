"""The rendered tree: its layout, its order, and that it is there whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.manifest import metadata, object_item
from components.core.plan import Item, ItemOutput, Late, Part, Plan, SecretRef
from components.core.providers import HELM_RELEASE
from infra.render.render import MARKER, RenderError, RenderResult, path_of, render


def object_of(
    kind: str, name: str, namespace: str | None = "production", *, api: str = "v1", **fields: Any
) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": metadata(name, namespace), **fields}


def deployment(role: str, name: str, **options: Any) -> Item:
    return object_item(role, name, object_of("Deployment", name, api="apps/v1", spec={"replicas": 1}), **options)


def service(role: str, name: str, **options: Any) -> Item:
    return object_item(role, name, object_of("Service", name, spec={"selector": {"colour": "blue"}}), **options)


CLUSTER = Part(
    "GkeCluster",
    "main",
    (
        Item(
            "cluster",
            "gcp:container/cluster:Cluster",
            "main",
            {"name": "main", "location": "europe-west4"},
            protect=True,
        ),
        Item(
            "pool",
            "gcp:container/nodePool:NodePool",
            "main-l4",
            {"name": "l4", "cluster": ItemOutput("cluster", "name"), "nodeCount": 0},
            after=("cluster",),
            timeout_seconds=1800,
            ignore_changes=("nodeCount",),
        ),
    ),
)
NAMESPACES = Part(
    "Namespaces",
    "all",
    (object_item("production", "all", object_of("Namespace", "production", None)),),
    after=("GkeCluster/main",),
)
KEDA = Part(
    "Addon",
    "keda",
    (
        Item(
            "chart",
            HELM_RELEASE,
            "keda",
            {
                "name": "keda",
                "chart": "keda",
                "version": "2.16.0",
                "repositoryOpts": {"repo": "https://kedacore.github.io/charts"},
                "namespace": "keda",
                "values": {"image": {"tag": "1.0"}, "args": ["yes", {"a": "x\n  y\n"}], "note": "values:"},
            },
            timeout_seconds=300,
        ),
    ),
)
BLUE_GREEN = Part(
    "BlueGreen",
    "chat",
    (
        deployment("blue", "chat-blue", timeout_seconds=2700),
        service("service", "chat", after=("blue",)),
        deployment("green", "chat-green", after=("service",)),
    ),
    after=("Namespaces/all", "Addon/keda"),
)
PLAN = Plan("prod", (CLUSTER, KEDA, NAMESPACES, BLUE_GREEN))
SECRET = object_item("token", "hub", object_of("Secret", "hub", stringData={"token": SecretRef("hf_token")}))


def plan_of(*items: Item) -> Plan:
    return Plan("test", (Part("ModelServer", "llama", items),))


def tree(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def loaded(directory: Path, path: str) -> Any:
    return yaml.safe_load((directory / path).read_text("utf-8"))


def stages(directory: Path) -> list[str]:
    """The lines of stages.txt that are commands."""
    lines = (directory / "kubernetes/stages.txt").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def run_stages(
    directory: Path, tools: Path, *, fails: str = "nothing"
) -> tuple[subprocess.CompletedProcess[str], list[str], list[str]]:
    """Run stages.txt with a kubectl and a helm that only write down what they were told, and what they read."""
    tools.mkdir()
    for name in ("kubectl", "helm"):
        script = tools / name
        script.write_text(
            f'#!/bin/sh\necho {name} "$@" >> "{tools}/calls"\n'
            f'case "$*" in *"--values -"*) cat > "{tools}/values";; *{fails}*) exit 1;; esac\n'
        )
        script.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    command = ["sh", "-e", "stages.txt"]
    ran = subprocess.run(
        command, cwd=directory / "kubernetes", env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    values = tools / "values"
    return ran, (tools / "calls").read_text().splitlines(), values.read_text().splitlines() if values.exists() else []


def test_every_item_has_its_file_and_nothing_else_is_there(tmp_path: Path) -> None:
    render(PLAN, tmp_path / "out")
    assert set(tree(tmp_path / "out")) == {
        MARKER,
        "charts/keda.yaml",
        "cloud/cluster-main.yaml",
        "cloud/nodepool-l4.yaml",
        "kubernetes/_cluster/namespace-production.yaml",
        "kubernetes/kustomization.yaml",
        "kubernetes/production/deployment-chat-blue.yaml",
        "kubernetes/production/deployment-chat-green.yaml",
        "kubernetes/production/service-chat.yaml",
        "kubernetes/stages.txt",
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_the_result_counts_what_is_on_disk(tmp_path: Path) -> None:
    result = render(PLAN, tmp_path)
    files = tree(tmp_path)
    assert result == RenderResult(files=len(files), bytes=sum(map(len, files.values())), objects=4)


def test_an_object_is_its_manifest_and_nothing_more(tmp_path: Path) -> None:
    render(PLAN, tmp_path)
    for _, item in PLAN.objects():
        assert loaded(tmp_path, path_of(item)) == item.properties


def test_a_cloud_resource_says_what_pulumi_is_told_about_it(tmp_path: Path) -> None:
    render(PLAN, tmp_path)
    assert loaded(tmp_path, "cloud/nodepool-l4.yaml") == {
        "type": "gcp:container/nodePool:NodePool",
        "name": "main-l4",
        "ignoreChanges": ["nodeCount"],
        "timeoutSeconds": 1800,
        "properties": {"name": "l4", "cluster": "${cluster.name}", "nodeCount": 0},
    }
    assert loaded(tmp_path, "cloud/cluster-main.yaml")["protect"] is True


def test_a_chart_says_where_it_comes_from_and_ends_with_its_values(tmp_path: Path) -> None:
    render(PLAN, tmp_path)
    chart = loaded(tmp_path, "charts/keda.yaml")
    assert list(chart) == ["name", "chart", "version", "repository", "namespace", "values"]
    assert chart["repository"] == "https://kedacore.github.io/charts"
    assert chart["values"] == KEDA.items[0].properties["values"]


def test_kustomize_applies_the_objects_in_the_order_of_the_plan(tmp_path: Path) -> None:
    render(PLAN, tmp_path)
    assert loaded(tmp_path, "kubernetes/kustomization.yaml") == {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "sortOptions": {"order": "fifo"},
        "resources": [
            "_cluster/namespace-production.yaml",
            "production/deployment-chat-blue.yaml",
            "production/service-chat.yaml",
            "production/deployment-chat-green.yaml",
        ],
    }


def test_the_stages_keep_the_order_of_a_blue_green_rollout_and_wait_in_between(tmp_path: Path) -> None:
    render(PLAN, tmp_path / "out")
    ran, calls, values = run_stages(tmp_path / "out", tmp_path / "tools")
    assert ran.returncode == 0, ran.stderr
    assert calls == [
        (
            "helm upgrade --install keda keda --repo https://kedacore.github.io/charts --version 2.16.0 -n keda"
            " --create-namespace --wait --timeout 300s --values -"
        ),
        "kubectl apply -f _cluster/namespace-production.yaml",
        "kubectl apply -f production/deployment-chat-blue.yaml",
        "kubectl rollout status deployment/chat-blue -n production --timeout=2700s",
        "kubectl apply -f production/service-chat.yaml",
        "kubectl apply -f production/deployment-chat-green.yaml",
        "kubectl rollout status deployment/chat-green -n production --timeout=600s",
    ]
    assert yaml.safe_load("\n".join(values)) == KEDA.items[0].properties["values"]


def test_a_rollout_that_fails_stops_the_stages(tmp_path: Path) -> None:
    render(PLAN, tmp_path / "out")
    ran, calls, _ = run_stages(tmp_path / "out", tmp_path / "tools", fails="deployment/chat-blue")
    assert ran.returncode != 0
    assert calls[-1] == "kubectl rollout status deployment/chat-blue -n production --timeout=2700s"


def test_the_stages_wait_for_what_later_ones_need_and_not_where_pulumi_does_not(tmp_path: Path) -> None:
    asleep = object_of("Deployment", "asleep", api="apps/v1")
    asleep["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    crd = object_of("CustomResourceDefinition", "widgets.example.com", None, api="apiextensions.k8s.io/v1")
    items = (
        object_item("crd", "llama", crd),
        object_item("job", "llama", object_of("Job", "warm", api="batch/v1"), timeout_seconds=60),
        object_item("exporter", "llama", object_of("DaemonSet", "dcgm", api="apps/v1")),
        object_item("asleep", "llama", asleep),
        service("service", "llama"),
    )
    render(plan_of(*items), tmp_path)
    (line,) = stages(tmp_path)
    applied, *waits = line.split("; ")
    assert applied.count(" -f ") == len(items)
    assert waits == [
        "kubectl wait --for=condition=established customresourcedefinition/widgets.example.com --timeout=600s",
        "kubectl wait --for=condition=complete job/warm -n production --timeout=60s",
        "kubectl rollout status daemonset/dcgm -n production --timeout=600s",
    ]


def test_the_commands_of_a_large_stage_stay_short(tmp_path: Path) -> None:
    render(plan_of(*(service(f"s{number}", f"s{number}") for number in range(1201))), tmp_path)
    (line,) = stages(tmp_path)
    assert [command.count(" -f ") for command in line.split("; ")] == [500, 500, 201]


def test_an_object_with_a_secret_is_written_but_never_applied(tmp_path: Path) -> None:
    reader = deployment("server", "llama", after=("token",))
    render(plan_of(SECRET, reader), tmp_path / "out")
    written = loaded(tmp_path / "out", "kubernetes/production/secret-hub.yaml")
    assert written["stringData"] == {"token": "${secret:hf_token}"}
    resources = loaded(tmp_path / "out", "kubernetes/kustomization.yaml")["resources"]
    assert resources == ["production/deployment-llama.yaml"]
    text = (tmp_path / "out/kubernetes/stages.txt").read_text()
    assert "# production/secret-hub.yaml: provide it with the values of ${secret:hf_token}\n" in text
    _, calls, _ = run_stages(tmp_path / "out", tmp_path / "tools")
    assert calls[:2] == [
        "kubectl get -f production/secret-hub.yaml",
        "kubectl apply -f production/deployment-llama.yaml",
    ]


def test_the_stages_stop_where_nobody_provided_the_secret(tmp_path: Path) -> None:
    render(plan_of(SECRET, deployment("server", "llama", after=("token",))), tmp_path / "out")
    ran, calls, _ = run_stages(tmp_path / "out", tmp_path / "tools", fails="secret-hub")
    assert ran.returncode != 0
    assert calls == ["kubectl get -f production/secret-hub.yaml"]


@pytest.mark.parametrize("value", [Late("endpoint"), ItemOutput("cluster", "endpoint")])
def test_no_value_that_only_pulumi_knows_is_applied(value: object, tmp_path: Path) -> None:
    render(plan_of(object_item("map", "llama", object_of("ConfigMap", "map", data={"list": [value]}))), tmp_path)
    assert loaded(tmp_path, "kubernetes/kustomization.yaml")["resources"] == []
    assert stages(tmp_path) == ["kubectl get -f production/configmap-map.yaml"]


def test_text_that_only_looks_like_a_placeholder_is_applied(tmp_path: Path) -> None:
    script = object_item("map", "llama", object_of("ConfigMap", "map", data={"run": "echo ${HOME}"}))
    render(plan_of(script), tmp_path)
    assert loaded(tmp_path, "kubernetes/kustomization.yaml")["resources"] == ["production/configmap-map.yaml"]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Small plans of every shape: parts after parts, items after items, cloud resources among them."""
    parts: list[Part] = []
    for number in range(draw(st.integers(1, 5))):
        items: list[Item] = []
        for count in range(draw(st.integers(0, 5))):
            after = tuple(draw(st.sets(st.sampled_from([item.role for item in items])))) if items else ()
            name = f"n{number}-{count}"
            if draw(st.booleans()):
                items.append(service(f"r{count}", name, after=after))
            else:
                items.append(Item(f"r{count}", "gcp:container/nodePool:NodePool", name, {"name": name}, after=after))
        whole = tuple(draw(st.sets(st.sampled_from([part.key for part in parts])))) if parts else ()
        parts.append(Part("Anything", f"p{number}", tuple(items), after=whole))
    return Plan("any", tuple(parts))


def needs(plan: Plan) -> Mapping[str, set[str]]:
    """The names of everything each item comes after, however indirectly."""
    of_item: dict[str, set[str]] = {}
    of_part: dict[str, set[str]] = {}
    for part in plan.parts:
        before = set().union(*(of_part[key] for key in part.after))
        names = {item.role: item.object_name for item in part.items}
        for item in part.items:
            direct = {names[role] for role in item.after}
            of_item[item.object_name] = before.union(direct, *(of_item[name] for name in direct))
        of_part[part.key] = before.union(names.values())
    return of_item


@settings(deadline=None)
@given(plans())
def test_a_stage_needs_nothing_but_the_stages_above_it(tmp_path_factory: pytest.TempPathFactory, plan: Plan) -> None:
    directory = tmp_path_factory.mktemp("any")
    render(plan, directory)
    applied: set[str] = set()
    required = needs(plan)
    cloud = {item.object_name for _, item in plan.items() if not item.is_object}
    for line in stages(directory):
        files = [word for word in line.split() if word.endswith(".yaml")]
        names = {Path(file).stem.removeprefix("service-") for file in files}
        assert all(required[name] <= applied | cloud for name in names)
        applied |= names
    assert applied == {item.object_name for _, item in plan.objects()}
    resources = loaded(directory, "kubernetes/kustomization.yaml")["resources"]
    assert resources == [path_of(item).removeprefix("kubernetes/") for _, item in plan.objects()]


def test_rendering_twice_gives_the_same_bytes_in_a_new_folder_and_in_the_old_one(tmp_path: Path) -> None:
    render(PLAN, tmp_path / "one")
    first = tree(tmp_path / "one")
    render(PLAN, tmp_path / "two")
    render(PLAN, tmp_path / "one")
    assert tree(tmp_path / "one") == tree(tmp_path / "two") == first


def test_a_new_render_replaces_the_old_tree_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    target = tmp_path / "out"
    render(PLAN, target)
    kept = (target / "cloud/cluster-main.yaml").stat()
    render(Plan("prod", (CLUSTER,)), target)
    assert set(tree(target)) == {
        MARKER,
        "cloud/cluster-main.yaml",
        "cloud/nodepool-l4.yaml",
        "kubernetes/kustomization.yaml",
        "kubernetes/stages.txt",
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert (target / "cloud/cluster-main.yaml").stat().st_mtime_ns == kept.st_mtime_ns
    assert (target / "cloud/cluster-main.yaml").stat().st_nlink == 1


def test_what_was_changed_by_hand_in_a_tree_is_written_again(tmp_path: Path) -> None:
    render(PLAN, tmp_path / "out")
    first = tree(tmp_path / "out")
    changed = tmp_path / "out/kubernetes/production/service-chat.yaml"
    text = changed.read_text()
    changed.write_text(text.replace("blue", "gray"))
    outside = tmp_path / "outside.yaml"
    outside.write_bytes(first["charts/keda.yaml"])
    (tmp_path / "out/charts/keda.yaml").unlink()
    (tmp_path / "out/charts/keda.yaml").symlink_to(outside)
    render(PLAN, tmp_path / "out")
    assert tree(tmp_path / "out") == first
    assert not (tmp_path / "out/charts/keda.yaml").is_symlink()
    assert outside.stat().st_nlink == 1


def test_a_tree_is_replaced_where_a_link_points(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    render(PLAN, tmp_path / "link")
    render(PLAN, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / MARKER).exists()


@pytest.mark.parametrize("below", ["", "kubernetes"])
def test_a_link_that_leads_to_itself_is_refused_and_left_alone(below: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(RenderError, match=r"loop.*; .*choose"):
        render(PLAN, tmp_path / "loop" / below)
    assert tree(tmp_path) == {}
    assert (tmp_path / "loop").is_symlink()


def test_folders_and_files_get_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    render(PLAN, tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_folder_with_other_things_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RenderError, match="was not written by `infra render`; choose another folder"):
        render(PLAN, tmp_path)
    assert tree(tmp_path) == {"notes.txt": b"mine"}


def test_a_rendered_tree_with_other_things_beside_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    render(PLAN, tmp_path)
    (tmp_path / "overlay").mkdir()
    with pytest.raises(RenderError, match="overlay is not part of a rendered tree; move it"):
        render(Plan("prod", (CLUSTER,)), tmp_path)
    assert (tmp_path / "charts/keda.yaml").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(RenderError, match="is a file"):
        render(PLAN, tmp_path / "out")
    with pytest.raises(RenderError, match="a file of that name is in the way"):
        render(PLAN, tmp_path / "out" / "below")
    assert (tmp_path / "out").read_text() == "mine"


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    render(PLAN, tmp_path / "out")
    assert (tmp_path / "out" / MARKER).exists()


def test_two_items_on_one_path_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"service-chat.yaml: both ModelServer/llama \(a\) and .* \(b\)"):
        render(plan_of(service("a", "chat"), service("b", "chat")), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../etc", "a/b", "a\\b", "a\0b", "a\nb", ".hidden/.."])
def test_a_name_that_leads_out_of_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="cannot be a file name"):
        render(plan_of(service("service", name)), tmp_path / "out")
    elsewhere = object_item("service", "llama", object_of("Service", "a", name))
    with pytest.raises(RenderError, match="cannot be a file name"):
        render(plan_of(elsewhere), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_namespace_is_no_part_of_itself() -> None:
    item = object_item("namespace", "all", object_of("Namespace", "production", "production"))
    assert path_of(item) == "kubernetes/_cluster/namespace-production.yaml"


def test_what_cannot_be_written_names_its_item_and_leaves_the_old_tree(tmp_path: Path) -> None:
    render(PLAN, tmp_path / "out")
    before = tree(tmp_path / "out")
    wrong = object_item("map", "llama", object_of("ConfigMap", "map", data={"a": None}))
    with pytest.raises(RenderError, match=r"ModelServer/llama \(map\): .*leave the field out"):
        render(plan_of(service("service", "llama"), wrong), tmp_path / "out")
    assert tree(tmp_path / "out") == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("code", "advice"),
    [(errno.ENOSPC, "free some space"), (errno.EACCES, "that you can write to"), (errno.EIO, "choose another folder")],
)
def test_a_disk_that_fails_half_way_leaves_the_old_tree_and_says_what_to_do(
    code: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(PLAN, tmp_path / "out")
    before = tree(tmp_path / "out")
    made = os.mkdir

    def full(path: Any, *arguments: Any, **options: Any) -> None:
        if str(path).endswith("production"):
            raise OSError(code, os.strerror(code))
        made(path, *arguments, **options)

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(RenderError, match=f"out: {os.strerror(code)}; .*{advice}"):
        render(PLAN, tmp_path / "out")
    assert tree(tmp_path / "out") == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_tree_that_cannot_be_moved_into_place_gives_way_to_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(PLAN, tmp_path / "out")
    before = tree(tmp_path / "out")
    renamed = Path.rename

    def busy(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return renamed(path, target)

    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(RenderError, match="choose a folder inside it"):
        render(Plan("prod", (CLUSTER,)), tmp_path / "out")
    assert tree(tmp_path / "out") == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_the_same_plan_renders_without_the_links_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(PLAN, tmp_path / "out")
    before = tree(tmp_path / "out")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    render(PLAN, tmp_path / "out")
    assert tree(tmp_path / "out") == before
