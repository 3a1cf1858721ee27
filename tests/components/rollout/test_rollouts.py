"""Canary, A/B and blue-green: what changes hands, in which order, and what never changes."""

from __future__ import annotations

import pytest

from components.core.errors import ConfigError
from components.core.plan import Part
from components.engines.custom.config import CustomEngine, MetricsConfig
from components.engines.tgi.config import TgiEngine
from components.engines.vllm.config import VllmEngine
from components.monitoring.collect.scrape import ManagedPrometheus, scrape_targets
from components.rollout.blue_green import BlueGreenRollout
from components.rollout.canary import AbRollout, CanaryRollout
from components.rollout.model import ModelConfig, model, track_labels
from components.rollout.variant import Variant
from components.scaling.hpa import HpaConfig
from components.serving.site import Site
from tests.components.parts import container, kinds, manifest

NEW = Variant(engine=TgiEngine(version="sha-db931fc"))


def config(**fields: object) -> ModelConfig:
    return ModelConfig(**{"model": "org/model", "engine": TgiEngine(), "replicas": 5, **fields})


def blue_green(active: str) -> Part:
    return model("tgi", config(rollout=BlueGreenRollout(active=active, green=NEW)))


def test_ninety_ten_is_nine_pods_and_one() -> None:
    part = model("tgi", config(replicas=10, rollout=CanaryRollout(canary=NEW, percent=10)))
    assert manifest(part, "Deployment", "tgi-stable")["spec"]["replicas"] == 9
    assert manifest(part, "Deployment", "tgi-canary")["spec"]["replicas"] == 1


def test_the_service_selects_stable_and_canary_alike() -> None:
    part = model("tgi", config(replicas=10, rollout=CanaryRollout(canary=NEW, percent=10)))
    assert manifest(part, "Service")["spec"]["selector"] == {"app": "tgi"}
    for track in ("stable", "canary"):
        labels = manifest(part, "Deployment", f"tgi-{track}")["spec"]["template"]["metadata"]["labels"]
        assert labels["app"] == "tgi"
        assert labels["version"] == track


def test_a_share_that_whole_pods_cannot_give_is_refused_with_one_they_can() -> None:
    with pytest.raises(ConfigError) as refusal:
        model("tgi", config(replicas=4, rollout=CanaryRollout(canary=NEW, percent=10)))
    assert "rollout.percent: got 10; 4 pods cannot be shared so; use replicas: 10" in str(refusal.value)


def test_a_share_by_pods_and_an_autoscaler_exclude_each_other() -> None:
    scaling = HpaConfig(min=1, max=4, cpu_percent=70)
    with pytest.raises(ConfigError, match="cannot hold while pods are scaled"):
        model("tgi", config(autoscaling=scaling, rollout=CanaryRollout(canary=NEW, percent=10)))


def test_without_a_share_the_canary_is_one_pod() -> None:
    part = model("tgi", config(rollout=CanaryRollout(canary=NEW)))
    assert manifest(part, "Deployment", "tgi-stable")["spec"]["replicas"] == 5
    assert manifest(part, "Deployment", "tgi-canary")["spec"]["replicas"] == 1


def test_a_canary_of_one_pod_is_not_scaled_with_the_stable_version() -> None:
    scaling = HpaConfig(min=4, max=8, cpu_percent=70)
    for variant in (NEW, Variant(replicas=1)):
        part = model("tgi", config(autoscaling=scaling, rollout=CanaryRollout(canary=variant)))
        assert manifest(part, "Deployment", "tgi-canary")["spec"]["replicas"] == 1
        assert manifest(part, "HorizontalPodAutoscaler")["metadata"]["name"] == "tgi-stable"


def test_versions_that_serve_metrics_at_different_paths_are_refused() -> None:
    image = "registry.example.com/server:1"
    engines = [
        CustomEngine(kind="custom", image=image, metrics=MetricsConfig(path=path, names={"x": "gauge"}))
        for path in ("/metrics", "/stats")
    ]
    split = config(engine=engines[0], rollout=AbRollout(experimental=Variant(engine=engines[1])))
    with pytest.raises(ConfigError, match="rollout: versions serve their metrics at /metrics and /stats"):
        model("tgi", split, Site(prometheus=ManagedPrometheus(kind="managed")))


def test_a_variant_changes_only_what_it_names() -> None:
    part = model("tgi", config(rollout=AbRollout(experimental=NEW), env={"A": "1"}))
    stable, experimental = container(part, "tgi-stable"), container(part, "tgi-experimental")
    assert stable["image"] != experimental["image"]
    assert {**stable, "image": ""} == {**experimental, "image": ""}


def test_another_model_does_not_keep_the_old_one_s_revision() -> None:
    other = Variant(model="org/other")
    part = model("tgi", config(revision="0" * 40, rollout=AbRollout(experimental=other)))
    assert "--revision" not in container(part, "tgi-experimental")["args"]


def test_the_active_colour_comes_before_the_service_and_the_standby_after_it() -> None:
    for active, standby in (("blue", "green"), ("green", "blue")):
        order = [item.object_name for item in blue_green(active).items if item.kind in ("Deployment", "Service")]
        assert order == [f"tgi-{active}", "tgi", f"tgi-{standby}"]
        items = {item.role: item for item in blue_green(active).items}
        assert items["service"].after == (f"{active}-deployment",)
        assert "service" in items[f"{standby}-deployment"].after


def test_the_service_selects_the_active_colour() -> None:
    assert manifest(blue_green("blue"), "Service")["spec"]["selector"] == {"app": "tgi", "color": "blue"}
    assert manifest(blue_green("green"), "Service")["spec"]["selector"] == {"app": "tgi", "color": "green"}


def test_a_switch_changes_no_pod_and_no_selector_of_a_deployment() -> None:
    for color in ("blue", "green"):
        before = manifest(blue_green("blue"), "Deployment", f"tgi-{color}")["spec"]
        after = manifest(blue_green("green"), "Deployment", f"tgi-{color}")["spec"]
        assert before == after


def test_a_prometheus_of_our_own_has_a_job_an_engine_whichever_colour_is_active() -> None:
    other = Variant(engine=VllmEngine(kind="vllm"))
    jobs = {}
    for active in ("blue", "green"):
        part = model("chat", config(rollout=BlueGreenRollout(active=active, green=other)))
        jobs[active] = {target.job: target.selector for target in scrape_targets(part.tracks)}
    assert jobs["blue"] == jobs["green"]
    assert jobs["blue"] == {"tgi": {"app": "chat", "color": "blue"}, "vllm": {"app": "chat", "color": "green"}}


def test_versions_on_one_engine_are_one_job_of_prometheus() -> None:
    (target,) = scrape_targets(blue_green("blue").tracks)
    assert (target.job, target.selector, target.path) == ("tgi", {"app": "tgi"}, "/metrics")


def test_the_facts_of_each_version_are_what_its_manifests_say() -> None:
    scaling = HpaConfig(min=2, max=6, cpu_percent=70)
    part = model("tgi", config(autoscaling=scaling, rollout=CanaryRollout(canary=NEW)))
    stable, canary = part.tracks
    assert (stable.fewest, stable.most, canary.fewest, canary.most) == (2, 6, 1, 1)
    for track in part.tracks:
        item = next(item for item in part.items if item.role == track.role)
        template = item.properties["spec"]["template"]
        assert (track.kind, track.namespace) == (item.kind, item.namespace)
        assert track.labels.items() <= template["metadata"]["labels"].items()
        (container,) = template["spec"]["containers"]
        assert (track.container, track.image) == (container["name"], container["image"])
        assert track.metrics_port in {port["name"] for port in container["ports"]}
    assert [track.server for track in part.tracks] == ["tgi 3.3.6", "tgi sha-db931fc"]
    assert [track.standby for track in blue_green("green").tracks] == [False, True]


def test_an_items_version_is_told_by_its_facts() -> None:
    part = blue_green("blue")
    owners = {item.role: [track.name for track in part.tracks if track.owns(item.role)] for item in part.items}
    assert owners["green-deployment"] == owners["green-disruption-budget"] == ["green"]
    assert owners["service"] == owners["service-account"] == []


def test_a_new_version_changes_no_selector() -> None:
    old = manifest(model("tgi", config(rollout=BlueGreenRollout(active="blue"))), "Deployment", "tgi-green")
    new = manifest(blue_green("blue"), "Deployment", "tgi-green")
    assert old["spec"]["selector"] == new["spec"]["selector"]
    assert old["spec"]["template"] != new["spec"]["template"]


def test_pulumi_does_not_wait_for_the_standby() -> None:
    part = blue_green("blue")
    waits = {
        name: manifest(part, "Deployment", name)["metadata"].get("annotations", {}).get("pulumi.com/skipAwait")
        for name in ("tgi-blue", "tgi-green")
    }
    assert waits == {"tgi-blue": None, "tgi-green": "true"}


def test_each_version_has_its_own_budget_so_that_a_cold_standby_blocks_no_drain() -> None:
    for color in ("blue", "green"):
        budget = manifest(blue_green("blue"), "PodDisruptionBudget", f"tgi-{color}")["spec"]
        assert budget["selector"] == {"matchLabels": {"app": "tgi", "color": color}}


def test_each_version_that_scales_has_its_own_autoscaler() -> None:
    scaling = HpaConfig(min=1, max=4, cpu_percent=70)
    part = model("tgi", config(autoscaling=scaling, rollout=AbRollout(experimental=NEW)))
    assert kinds(part).count("HorizontalPodAutoscaler") == 2


def test_a_route_can_tell_the_versions_apart_by_what_their_pods_carry() -> None:
    for rollout in (AbRollout(experimental=NEW), CanaryRollout(canary=NEW), BlueGreenRollout(active="blue")):
        entry = config(rollout=rollout)
        part = model("tgi", entry)
        pods = [
            manifest(part, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
            for name in part.outputs["deployments"]
        ]
        for labels in track_labels(entry).values():
            assert sum(labels.items() <= found.items() for found in pods) == 1


SCALED = HpaConfig(min=1, max=3, queue_depth=5)


@pytest.mark.parametrize(
    ("rollout", "where"),
    [
        (CanaryRollout(canary=Variant(autoscaling=SCALED)), "rollout.canary.autoscaling."),
        (AbRollout(experimental=Variant(autoscaling=SCALED)), "rollout.experimental.autoscaling."),
        (BlueGreenRollout(active="blue", blue=Variant(autoscaling=SCALED)), "rollout.blue.autoscaling."),
        (BlueGreenRollout(active="blue", green=Variant(autoscaling=SCALED)), "rollout.green.autoscaling."),
        (CanaryRollout(canary=Variant(env={"NUM_SHARD": "2"})), "rollout.canary.env.NUM_SHARD"),
    ],
)
def test_what_is_wrong_with_a_version_is_named_where_it_stands(rollout: object, where: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        model("tgi", config(rollout=rollout))
    assert str(refusal.value).startswith(where)


def test_what_is_wrong_with_both_versions_is_named_where_they_have_it_from() -> None:
    with pytest.raises(ConfigError) as refusal:
        model("tgi", config(autoscaling=SCALED, rollout=AbRollout(experimental=NEW)))
    assert str(refusal.value).startswith("autoscaling.")
