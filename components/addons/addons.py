"""What the cluster has beside Kubernetes itself: installed by the stack, found present, or absent."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from ..catalog.charts import charts_of, crds_of
from ..core.config import Config
from ..core.errors import MisfitError, Path, Problem

State = Literal["install", "present", "absent"]
"""`install` takes our pinned Helm chart, `present` expects somebody else's installation, `absent` does without."""

_BY_HAND = {
    "gateway_api": "its CRDs come from no chart: GKE brings them with a cluster's gateway_api setting, elsewhere "
    "apply the release's standard-install.yaml",
    "inference_extension": "its CRD comes from no chart: GKE brings it since 1.34.0-gke.1626000, elsewhere apply the "
    "release's manifests.yaml",
    "secrets_store_csi": "the driver's chart brings no Google provider, so nothing could be mounted: apply both from "
    "GoogleCloudPlatform/secrets-store-csi-driver-provider-gcp, with syncSecret.enabled=true (GKE's own add-on is "
    "another driver, which makes no Kubernetes Secret)",
    "metrics_adapter": "Google publishes no chart for the Stackdriver adapter: apply "
    "GoogleCloudPlatform/k8s-stackdriver custom-metrics-stackdriver-adapter/deploy/production/"
    "adapter_new_resource_model.yaml",
}
"""Why an add-on has no pinned chart, and how to get it."""


class MetricsAdapterConfig(Config):
    """What hands engine metrics to HorizontalPodAutoscalers.

    A cluster has at most one, because it owns the API `custom.metrics.k8s.io`.
    """

    kind: Literal["stackdriver", "prometheus-adapter"]
    """`stackdriver` reads Cloud Monitoring, where Google's managed Prometheus writes; `prometheus-adapter` asks a
    Prometheus in the cluster."""
    state: Literal["install", "present"] = "present"
    """Whether the stack installs it. The names a present prometheus-adapter gives must be those of our own rules.
    Omitted: present."""


class AddonsConfig(Config):
    """Add-ons of the cluster. A component that needs an absent one is refused."""

    keda: State = "absent"
    """KEDA: scaling on events, and to zero. Omitted: absent."""
    keda_http: State = "absent"
    """KEDA's HTTP add-on (beta): holds requests while a model wakes. Omitted: absent."""
    istio: State = "absent"
    """Istio's control plane: VirtualService, DestinationRule, sidecars. Omitted: absent."""
    istio_ingress: State = "absent"
    """Istio's ingress gateway, whose pods carry `istio: ingressgateway`. Omitted: absent."""
    gateway_api: State = "absent"
    """The Gateway API's CRDs. Omitted: absent."""
    inference_extension: State = "absent"
    """The Gateway API inference extension's InferencePool. Omitted: absent."""
    prometheus_operator: State = "absent"
    """The Prometheus operator with a Prometheus (kube-prometheus-stack). Omitted: absent."""
    metrics_adapter: MetricsAdapterConfig | None = None
    """What hands engine metrics to HorizontalPodAutoscalers. Omitted: none, so that they can only use CPU and
    memory."""
    external_secrets: State = "absent"
    """The External Secrets operator. Omitted: absent."""
    secrets_store_csi: State = "absent"
    """The Secrets Store CSI driver with Google's provider. Omitted: absent."""
    leader_worker_set: State = "absent"
    """LeaderWorkerSet: one model over several nodes. Omitted: absent."""

    @model_validator(mode="after")
    def _installs_what_it_can(self) -> Self:
        problems = [
            Problem((addon,), f'got "install", but {_BY_HAND[addon]}; then write {addon}: present')
            for addon in _BY_HAND
            if self.state(addon) == "install" and not charts_of(addon)
        ]
        adapter = self.metrics_adapter
        if adapter and adapter.kind == "stackdriver" and adapter.state == "install":
            text = f'got "install", but {_BY_HAND["metrics_adapter"]}; then write state: present'
            problems.append(Problem(("metrics_adapter", "state"), text))
        for addon, base in (("keda_http", "keda"), ("istio_ingress", "istio")):
            if self.state(addon) != "absent" and self.state(base) == "absent":
                text = f'got "{self.state(addon)}", but it works only with {base}; add {base}: install or present'
                problems.append(Problem((addon,), text))
        MisfitError.raise_all(problems)
        return self

    def state(self, addon: str) -> State:
        """How the cluster comes by an add-on, by its name in this configuration."""
        value = getattr(self, addon)
        if isinstance(value, MetricsAdapterConfig):
            return value.state
        return value or "absent"


def needs(config: AddonsConfig, addon: str, who: str, path: Path = ()) -> Problem | None:
    """A problem when something needs an add-on that the environment does without.

    Args:
        config: the environment's add-ons.
        addon: name of the add-on in the configuration, `keda`.
        who: what needs it, as a subject: "a VirtualService".
        path: where the thing that needs it stands.
    """
    if config.state(addon) != "absent":
        return None
    if addon == "metrics_adapter":
        fix = "addons.metrics_adapter: {kind: prometheus-adapter, state: install}, or kind: stackdriver where present"
    elif charts_of(addon):
        fix = f"addons.{addon}: install, or present if the cluster has it"
    else:
        fix = f"addons.{addon}: present; {_BY_HAND[addon]}"
    return Problem(path, f"{who} needs {addon}, which addons leaves absent; set {fix}")


def required_crds(config: AddonsConfig) -> dict[str, tuple[str, ...]]:
    """CRD names that must be there before `up` starts, by add-on: those of the add-ons marked present."""
    present = [addon for addon in type(config).model_fields if config.state(addon) == "present"]
    return {addon: crds_of(addon) for addon in present if crds_of(addon)}
