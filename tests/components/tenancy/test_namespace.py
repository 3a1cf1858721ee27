from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import ConfigError
from components.core.plan import Part
from components.core.quantity import number
from components.tenancy.namespace import NamespaceConfig, QuotaConfig, namespace
from components.tenancy.pod_security import strictest_level
from infra.plan.assemble import assemble
from infra.plan.environment import Environment


def manifest(part: Part, role: str) -> dict:  # type: ignore[type-arg]
    return dict(next(item for item in part.items if item.role == role).properties)


@pytest.mark.parametrize("level", ["privileged", "baseline", "restricted"])
def test_the_pod_security_level_is_enforced_audited_and_warned_about(level: str) -> None:
    labels = manifest(namespace("models", NamespaceConfig(pod_security=level)), "namespace")["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {level}


def test_a_namespace_is_baseline_unless_told_otherwise() -> None:
    assert namespace("models", NamespaceConfig()).outputs == {"namespace": "models", "pod_security": "baseline"}


def test_a_namespace_without_pods_is_baseline_in_an_environment_too() -> None:
    assert strictest_level([], "models") == "baseline"
    plan = assemble(Environment(cluster={"kind": "kubeconfig"}, namespaces={"team": {}}), "test")
    assert [part.outputs["pod_security"] for part in plan.parts] == ["baseline"]


def test_a_label_cannot_contradict_the_pod_security_level() -> None:
    with pytest.raises(ConfigError, match=r"labels.pod-security.kubernetes.io/enforce: .* set pod_security instead"):
        NamespaceConfig(labels={"pod-security.kubernetes.io/enforce": "privileged"})


def test_pods_without_a_policy_reach_dns_and_nothing_else() -> None:
    spec = manifest(namespace("models", NamespaceConfig()), "default-deny")["spec"]
    assert spec["podSelector"] == {}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    ports = [port for rule in spec["egress"] for port in rule["ports"]]
    assert ports == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


def test_dns_is_reached_by_pod_and_by_address_because_an_address_never_matches_a_pod_on_dataplane_v2() -> None:
    (rule,) = manifest(namespace("models", NamespaceConfig()), "default-deny")["spec"]["egress"]
    pods = {to["podSelector"]["matchLabels"]["k8s-app"] for to in rule["to"] if "podSelector" in to}
    addresses = {to["ipBlock"]["cidr"] for to in rule["to"] if "ipBlock" in to}
    assert pods == {"kube-dns", "node-local-dns"}
    assert {"169.254.20.10/32", "169.254.169.254/32"} <= addresses


def test_an_open_namespace_has_no_policy() -> None:
    assert [item.role for item in namespace("models", NamespaceConfig(isolate=False)).items] == ["namespace"]


def test_gpus_are_counted_under_the_only_key_kubernetes_counts_extended_resources_by() -> None:
    quota = QuotaConfig(gpus=4, cpu=48, memory="340Gi", storage="1Ti", pods=20)
    hard = manifest(namespace("models", NamespaceConfig(quota=quota)), "quota")["spec"]["hard"]
    assert hard == {
        "requests.nvidia.com/gpu": "4",
        "requests.cpu": "48",
        "requests.memory": "340Gi",
        "requests.storage": "1Ti",
        "pods": "20",
    }


def test_a_namespace_can_be_kept_free_of_gpus() -> None:
    quota = manifest(namespace("web", NamespaceConfig(quota=QuotaConfig(gpus=0))), "quota")
    assert quota["spec"]["hard"] == {"requests.nvidia.com/gpu": "0"}


def test_an_empty_quota_makes_no_object() -> None:
    roles = [item.role for item in namespace("models", NamespaceConfig(quota=QuotaConfig())).items]
    assert "quota" not in roles


@given(st.integers(0, 1000), st.integers(1, 10_000), st.integers(1, 10_000))
def test_every_quota_is_a_quantity_of_what_was_given(gpus: int, cores: int, gibibytes: int) -> None:
    hard = QuotaConfig(gpus=gpus, cpu=cores, memory=f"{gibibytes}Gi").hard()
    assert [number(value) for value in hard.values()] == [gpus, cores, gibibytes * 2**30]


def test_what_stands_in_a_namespace_comes_after_it() -> None:
    part = namespace("models", NamespaceConfig(quota=QuotaConfig(pods=3)))
    assert [item.after for item in part.items] == [(), ("namespace",), ("namespace",)]


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-mine"])
def test_a_namespace_that_belongs_to_kubernetes_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f'namespaces.{name}: "{name}" belongs to Kubernetes; choose a name'):
        namespace(name, NamespaceConfig(), path=("namespaces", name))


def test_deletion_is_refused_where_the_namespace_is_protected() -> None:
    part = namespace("models", NamespaceConfig(protect=True))
    assert [item.protect for item in part.items] == [True, False]
