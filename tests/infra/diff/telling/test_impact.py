"""What users notice of a change: pods, minutes, shares of requests."""

from __future__ import annotations

from typing import Any

import pytest

from infra.diff.environment_diff import diff
from infra.diff.snapshots.snapshot import Resource, Snapshot
from infra.prove.entries import FootprintEntry

FOOTPRINT: FootprintEntry = {"at": "models.m", "cold_start": {"min_seconds": 180, "max_seconds": 240, "unknown": []}}
TRACKS: tuple[FootprintEntry, ...] = tuple(
    {**FOOTPRINT, "at": f"models.m/{track}"} for track in ("stable", "canary", "blue", "green")
)


def deployment(image: str = "a:1", role: str = "deployment", gpus: int = 1, **spec: Any) -> Resource:
    name = role.removesuffix("deployment").removesuffix("-") or "m"
    labels = {"app": "m", "track": name}
    limits = {"nvidia.com/gpu": gpus} if gpus else {}
    pod = {"containers": [{"name": "tgi", "image": image, "resources": {"limits": limits}}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return made("Deployment", name, role, {"spec": {"template": template, **spec}})


def made(kind: str, name: str, role: str, properties: dict[str, Any]) -> Resource:
    at = ("models", "m")
    return Resource(
        f"{kind} n/{name}", f"kubernetes:apps/v1:{kind}", kind, "n", name, "ModelServer/m", at, role, properties
    )


def service(**labels: str) -> Resource:
    return made("Service", "m", "service", {"spec": {"selector": labels}})


def means(before: Resource, after: Resource, *others: Resource) -> str:
    sides = [Snapshot("dev", (one, *others), footprints=(FOOTPRINT, *TRACKS)) for one in (before, after)]
    return diff(*sides).changes[0].means.replace("\N{EN DASH}", "-")


def rolling(surge: int | str, unavailable: int | str, replicas: int) -> dict[str, Any]:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    return {"strategy": strategy, "replicas": replicas}


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (rolling(0, 1, 4), "4 pods, one at a time, no spare GPU needed: 12-16 min at 75 %"),
        (rolling(0, 2, 4), "4 pods, 2 at a time, no spare GPU needed: 6-8 min at 50 %"),
        (rolling(1, 0, 4), "4 pods, one at a time, 1 spare GPU needed: 12-16 min at 100 %"),
        (rolling("50%", 0, 3), "3 pods, 2 at a time, 2 spare GPUs needed: 6-8 min at 100 %"),
        (rolling(0, "50%", 3), "3 pods, one at a time, no spare GPU needed: 9-12 min at 67 %"),
        (rolling(0, 1, 1), "1 pod, the old one goes first, no spare GPU needed: 3-4 min without `m`"),
        (rolling(0, 0, 2), "2 pods, one at a time, no spare GPU needed: 6-8 min at 50 %"),
        ({"replicas": 4}, "4 pods, 2 at a time, 1 spare GPU needed: 6-8 min at 75 %"),
        ({"replicas": 4, "strategy": {"type": "Recreate"}}, "4 pods, all at once: 3-4 min without `m`"),
        ({"replicas": 0}, "none of its pods runs"),
    ],
)
def test_a_restart_says_how_many_pods_how_and_for_how_long(spec: dict[str, Any], text: str) -> None:
    assert means(deployment(**spec), deployment("a:2", **spec)) == text


def test_pods_without_gpus_need_none() -> None:
    spec = rolling(1, 0, 2)
    assert "GPU" not in means(deployment(gpus=0, **spec), deployment("a:2", gpus=0, **spec))


def test_an_autoscaled_model_has_as_many_pods_as_its_autoscaler_allows() -> None:
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "m"}, "minReplicas": 4, "maxReplicas": 8}
    scaler = made("HorizontalPodAutoscaler", "m", "autoscaler", {"spec": target})
    spec = {key: value for key, value in rolling(0, 1, 1).items() if key != "replicas"}
    found = means(deployment(**spec), deployment("a:2", **spec), scaler)
    assert found == "4-8 pods, one at a time, no spare GPU needed: 12-16 min at 75 %"


def test_pods_of_the_same_service_answer_while_a_canary_restarts() -> None:
    stable = deployment(role="stable-deployment", **rolling(0, 1, 9))
    canary = [deployment(image, role="canary-deployment", **rolling(0, 1, 1)) for image in ("a:1", "a:2")]
    found = means(*canary, stable, service(app="m"))
    assert found == "1 pod, the old one goes first, no spare GPU needed: 3-4 min at 90 %"


def test_nobody_notices_that_a_standby_restarts() -> None:
    blue = deployment(role="blue-deployment", **rolling(0, 1, 2))
    green = [deployment(image, role="green-deployment", **rolling(0, 1, 2)) for image in ("a:1", "a:2")]
    assert means(*green, blue, service(track="blue")) == "2 pods of the standby, which no request reaches"


def test_a_start_of_which_nobody_knows_the_most_has_no_most() -> None:
    spec = rolling(0, 1, 2)
    open_ended: FootprintEntry = {"at": "models.m", "cold_start": {"min_seconds": 180, "max_seconds": None}}
    for footprints, text in (((open_ended,), "6 min or more at 50 %"), ((), "an unknown time at 50 %")):
        sides = (Snapshot("dev", (deployment(image, **spec),), footprints=footprints) for image in ("a:1", "a:2"))
        assert diff(*sides).changes[0].means.endswith(text)


def test_a_replaced_deployment_is_gone_until_the_new_one_is_ready() -> None:
    before, after = (deployment(selector={"matchLabels": {"app": app}}, replicas=2) for app in "ab")
    assert means(before, after) == "2 pods go first: 3-4 min without `m`"


def test_a_canarys_share_follows_its_pods() -> None:
    stable = deployment(role="stable-deployment", **rolling(0, 1, 9))
    canary = [deployment(role="canary-deployment", **rolling(0, 1, count)) for count in (1, 3)]
    found = means(*canary, stable, service(app="m"))
    assert found == "1 → 3 pods: 2 GPUs more at most, 10 % → 25 % of requests"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ({"ingress": []}, {"ingress": [{"ports": [{"port": 80}]}]}, "more is allowed, and nothing is cut"),
        ({"ingress": [{"ports": [{"port": 80}]}]}, {"ingress": []}, "connections that it no longer allows are cut"),
    ],
)
def test_a_network_policy_says_whether_it_cuts_anything(before: Any, after: Any, text: str) -> None:
    sides = [made("NetworkPolicy", "m", "network-policy", {"spec": spec}) for spec in (before, after)]
    assert means(*sides) == text
