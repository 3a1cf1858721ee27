from __future__ import annotations

import pytest

from components.addons.addons import AddonsConfig, MetricsAdapterConfig, needs, required_crds
from components.catalog.charts import all_charts, crds_of
from components.catalog.table import rows
from components.core.errors import ConfigError

ADAPTER = MetricsAdapterConfig(kind="prometheus-adapter", state="install")


def test_everything_is_absent_unless_told_otherwise() -> None:
    assert {AddonsConfig().state(name) for name in AddonsConfig.model_fields} == {"absent"}


@pytest.mark.parametrize(
    ("addon", "how"),
    [
        ("gateway_api", "standard-install.yaml"),
        ("inference_extension", "manifests.yaml"),
        ("secrets_store_csi", "secrets-store-csi-driver-provider-gcp"),
    ],
)
def test_what_no_chart_installs_is_refused_with_the_way_to_get_it(addon: str, how: str) -> None:
    with pytest.raises(ConfigError, match=rf'{addon}: got "install", but .*{how}.*write {addon}: present'):
        AddonsConfig(**{addon: "install"})
    assert AddonsConfig(**{addon: "present"}).state(addon) == "present"


def test_googles_adapter_has_no_chart() -> None:
    with pytest.raises(
        ConfigError, match=r"metrics_adapter.state: .*adapter_new_resource_model.yaml; then write state"
    ):
        AddonsConfig(metrics_adapter={"kind": "stackdriver", "state": "install"})


@pytest.mark.parametrize(("addon", "base"), [("keda_http", "keda"), ("istio_ingress", "istio")])
def test_an_addon_without_its_foundation_is_refused(addon: str, base: str) -> None:
    with pytest.raises(ConfigError, match=f"works only with {base}; add {base}: install or present"):
        AddonsConfig(**{addon: "install"})
    AddonsConfig(**{addon: "install", base: "present"})


def test_every_wrong_addon_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        AddonsConfig(gateway_api="install", secrets_store_csi="install", keda_http="present")
    assert len(error.value.problems) == 3


def test_an_unknown_addon_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean keda"):
        AddonsConfig(kedaa="install")  # type: ignore[call-arg]


def test_what_needs_an_absent_addon_is_refused_with_the_fix() -> None:
    problem = needs(AddonsConfig(), "istio", "a VirtualService", ("traffic", "chat"))
    assert problem is not None
    assert str(problem) == (
        "traffic.chat: a VirtualService needs istio, which addons leaves absent; "
        "set addons.istio: install, or present if the cluster has it"
    )


def test_the_fix_for_an_addon_without_a_chart_says_how_to_get_it() -> None:
    problem = needs(AddonsConfig(), "gateway_api", "an HTTPRoute")
    assert problem is not None
    assert "set addons.gateway_api: present; its CRDs come from no chart" in problem.message


def test_the_fix_for_a_metrics_adapter_is_a_line_to_copy() -> None:
    problem = needs(AddonsConfig(), "metrics_adapter", "queue_depth")
    assert problem is not None
    assert "addons.metrics_adapter: {kind: prometheus-adapter, state: install}" in problem.message


@pytest.mark.parametrize("state", ["install", "present"])
def test_what_is_there_is_no_problem(state: str) -> None:
    assert needs(AddonsConfig(keda=state), "keda", "a ScaledObject") is None
    assert needs(AddonsConfig(metrics_adapter=ADAPTER), "metrics_adapter", "queue_depth") is None


def test_up_looks_for_the_crds_of_what_should_be_present_and_of_nothing_else() -> None:
    config = AddonsConfig(keda="present", istio="install", gateway_api="present")
    assert set(required_crds(config)) == {"keda", "gateway_api"}
    assert "scaledobjects.keda.sh" in required_crds(config)["keda"]
    assert "httproutes.gateway.networking.k8s.io" in required_crds(config)["gateway_api"]


def test_every_table_speaks_of_addons_that_exist() -> None:
    known = set(AddonsConfig.model_fields) | {"managed_prometheus"}
    assert {entry.addon for entry in all_charts()} <= known
    assert {row["addon"] for row in rows("addon_crds")} <= known
    assert crds_of("managed_prometheus") == ("podmonitorings.monitoring.googleapis.com",)
