"""Each public component alone in another team's program."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes
import pytest

from components.classes.addons import Chart
from components.classes.component import Component
from components.classes.gpu import ComputeClass, GkeCluster, GpuNodePool
from components.classes.monitoring import DcgmExporter, Prometheus
from components.classes.rollout import AbTest, BlueGreen, Canary
from components.classes.scaling import Autoscaler
from components.classes.serving import ModelServer
from components.classes.tenancy import Namespace, PriorityClass
from components.classes.traffic import VirtualService
from components.core.errors import ConfigError
from components.core.plan import Item, Late, Part, SecretRef
from components.engines.tgi.config import TgiEngine
from components.gpu.cluster import GkeClusterConfig, GkeExistingConfig
from components.gpu.compute_class import ComputeClassConfig, Priority
from components.gpu.node_pool import GpuNodePoolConfig, Nodes
from components.monitoring.collect.scrape import ScrapeTarget, StandalonePrometheus
from components.rollout.blue_green import BlueGreenRollout
from components.rollout.canary import AbRollout, CanaryRollout
from components.rollout.variant import Variant
from components.scaling.hpa import HpaConfig
from components.serving.config import ModelServerConfig
from components.tenancy.namespace import NamespaceConfig, QuotaConfig
from components.tenancy.priority_class import PriorityClassConfig
from components.traffic.backends.istio import IstioRoute
from components.traffic.route import RouteRule
from components.weights.hub_token import PulumiSecret

from .program import COMPUTED, ROOT
from .recorder import UNKNOWN, Recorder, Secret

VALUE = "not to be seen"
POOL = GpuNodePoolConfig(accelerator="nvidia-l4", machine_type="g2-standard-12", nodes=Nodes(max=2))
ELSEWHERE = POOL.with_changes(zones=("europe-west4-a",))
CLUSTER = GkeClusterConfig(name="shared", project="example-project", location="us-central1")
CLASS = ComputeClassConfig(priorities=(Priority(machine_type="g2-standard-12", accelerator="nvidia-l4"),))
SERVER = ModelServerConfig(model="Qwen/Qwen2.5-7B-Instruct", engine=TgiEngine())
OTHER = Variant(env={"TRIES": "2"})
ROUTE = IstioRoute(model="chat", hosts=("chat.example.com",), rules=(RouteRule(to={"chat": 100}),))
TARGET = ScrapeTarget("tgi", "inference", {"app": "chat"}, "http")

Build = Callable[[pulumi.ResourceOptions | None], Component]
PUBLIC: dict[type[Component], Build] = {
    GkeCluster: lambda opts: GkeCluster("it", CLUSTER, opts=opts),
    GpuNodePool: lambda opts: GpuNodePool("it", POOL, cluster="shared", location="us-central1", opts=opts),
    ComputeClass: lambda opts: ComputeClass("it", CLASS, opts=opts),
    ModelServer: lambda opts: ModelServer("it", SERVER, opts=opts),
    BlueGreen: lambda opts: BlueGreen("it", SERVER, BlueGreenRollout(active="blue", green=OTHER), opts=opts),
    Canary: lambda opts: Canary("it", SERVER, CanaryRollout(canary=OTHER), opts=opts),
    AbTest: lambda opts: AbTest("it", SERVER, AbRollout(experimental=OTHER), opts=opts),
    VirtualService: lambda opts: VirtualService(
        "it", ROUTE, namespace="inference", host="chat.inference.svc.cluster.local", opts=opts
    ),
    Autoscaler: lambda opts: Autoscaler(
        "it", HpaConfig(min=1, max=2, cpu_percent=70), namespace="inference", deployment="chat", opts=opts
    ),
    Namespace: lambda opts: Namespace("it", NamespaceConfig(quota=QuotaConfig(gpus=2)), opts=opts),
    PriorityClass: lambda opts: PriorityClass("it", PriorityClassConfig(value=10), opts=opts),
    DcgmExporter: lambda opts: DcgmExporter("it", namespace="gpu-monitoring", opts=opts),
    Prometheus: lambda opts: Prometheus("it", StandalonePrometheus(kind="standalone"), targets=[TARGET], opts=opts),
    Chart: lambda opts: Chart("keda", {"replicas": 2}, opts=opts),
}  # fmt: skip

public = pytest.mark.parametrize("build", PUBLIC.values(), ids=[cls.__name__ for cls in PUBLIC])


def deploy(program: Callable[[], Any], *, preview: bool = True, **config: str) -> Recorder:
    """Run a program whose configuration is all secret."""
    settings = {f"inference:{key}": value for key, value in config.items()}
    recorder = Recorder("test", settings, tuple(settings), preview, COMPUTED)
    return recorder.run(program)


def refused(program: Callable[[], Any]) -> list[str]:
    """What a program is told that goes wrong; it must not have registered anything."""
    recorder = Recorder()
    with pytest.raises(ConfigError) as caught:
        recorder.run(program)
    assert recorder.resources == []
    return [str(problem) for problem in caught.value.problems]


def scaler(**settings: Any) -> Autoscaler:
    return Autoscaler("a", HpaConfig(**settings), namespace="inference", deployment="chat")


def test_every_public_class_is_tried_here() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("components/classes/*.py")]
    found = {
        cls
        for module in modules
        for name, cls in inspect.getmembers(import_module(module), inspect.isclass)
        if issubclass(cls, Component) and cls is not Component and cls.__module__ == module and not name.startswith("_")
    }
    assert found == PUBLIC.keys()


@public
def test_a_component_has_its_token_its_children_and_its_outputs(build: Build) -> None:
    made: list[Component] = []
    recorder = deploy(lambda: made.append(build(None)), preview=False)
    own, *children = recorder.resources
    part = made[0].part
    assert own.type == f"inference:index:{type(made[0]).__name__}" == part.token
    assert own.name == part.name
    assert children
    assert {child.request.parent for child in children} == {own.urn}
    # The engine renames children with their component only where its name begins theirs.
    assert [child.name for child in children if not child.name.startswith(own.name)] == []
    assert recorder.outputs[own.urn].keys() == part.outputs.keys()
    assert None not in recorder.outputs[own.urn].values()


@public
def test_what_a_component_offers_can_be_exported(build: Build) -> None:
    def program() -> None:
        component = build(None)
        for name, offer in inspect.getmembers(type(component), lambda member: isinstance(member, property)):
            if offer.fget.__module__.startswith("components.") and "Output" in offer.fget.__annotations__["return"]:
                pulumi.export(name, getattr(component, name))

    exports = deploy(program, preview=False).exports
    assert None not in exports.values()


@public
def test_the_callers_options_reach_the_component_and_what_must_reach_its_children(build: Build) -> None:
    def program() -> None:
        above = pulumi.ComponentResource("team:index:App", "above")
        earlier = pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "earlier")
        cloud, cluster = gcp.Provider("cloud"), kubernetes.Provider("cluster", kubeconfig="{}")
        build(
            pulumi.ResourceOptions(
                parent=above,
                depends_on=[earlier],
                protect=True,
                providers=[cloud, cluster],
                aliases=[pulumi.Alias(name="before")],
            )
        )

    recorder = deploy(program, preview=False)
    above, earlier, own, *children = recorder.resources
    assert own.request.parent == above.urn
    assert list(own.request.dependencies) == [earlier.urn]
    assert [alias.spec.name for alias in own.request.aliases if alias.spec.name] == ["before"]
    for child in children:
        package = child.type.partition(":")[0]
        assert child.request.parent == own.urn
        assert child.request.provider.startswith(recorder.providers[package].urn)
        assert child.request.protect
        assert not child.request.aliases


def test_one_provider_reaches_the_children_too() -> None:
    def program() -> None:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        Namespace("team", opts=pulumi.ResourceOptions(provider=provider))

    recorder = deploy(program)
    assert recorder.named("team-namespace").request.provider.startswith(recorder.providers["kubernetes"].urn)


@pytest.mark.parametrize("preview", [True, False])
def test_a_cluster_of_the_program_comes_before_its_pools_and_their_models(preview: bool) -> None:
    def program() -> None:
        cluster = GkeCluster("shared", CLUSTER)
        pool = GpuNodePool("l4", POOL, cluster=cluster)
        server = ModelServer("chat", SERVER, runs_on=[pool])
        pulumi.export("url", server.url)

    recorder = deploy(program, preview=preview)
    cluster, system = recorder.named("shared", "Cluster"), recorder.named("shared-system-pool")
    pool = recorder.named("l4", "NodePool")
    assert {cluster.urn, system.urn} <= set(recorder.named("l4", "GpuNodePool").request.dependencies)
    assert pool.properties["cluster"] == "shared"
    assert system.urn in pool.request.dependencies
    assert list(recorder.named("chat", "ModelServer").request.dependencies) == [pool.urn]
    pod = recorder.named("chat-deployment").properties["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {
        "cloud.google.com/gke-accelerator": "nvidia-l4",
        "cloud.google.com/gke-nodepool": "l4",
    }
    assert recorder.exports == {"url": "http://chat.inference.svc.cluster.local"}


@pytest.mark.parametrize(("preview", "expected"), [(True, UNKNOWN), (False, "elsewhere")])
def test_a_cluster_name_may_come_from_another_resource(preview: bool, expected: str) -> None:
    def program() -> None:
        other = pulumi.CustomResource("gcp:container/cluster:Cluster", "elsewhere", {"endpoint": None})
        name = other.id.apply(lambda given: str(given).removesuffix("-id"))
        GpuNodePool("l4", POOL, cluster=name, location="us-central1")

    recorder = deploy(program, preview=preview)
    pool = recorder.named("l4", "NodePool")
    assert pool.properties["cluster"] == expected
    assert list(pool.request.propertyDependencies["cluster"].urns) == [recorder.named("elsewhere").urn]


@pytest.mark.parametrize("cls", [ModelServer, BlueGreen, Canary, AbTest])
def test_a_hub_token_arrives_as_a_secret(cls: type[Component]) -> None:
    rollouts: dict[type[Component], tuple[Any, ...]] = {
        ModelServer: (),
        BlueGreen: (BlueGreenRollout(active="blue"),),
        Canary: (CanaryRollout(canary=OTHER),),
        AbTest: (AbRollout(experimental=OTHER),),
    }
    built: Any = cls

    def program() -> None:
        token = pulumi.Config("inference").require_secret("hf_token")
        built("chat", SERVER, *rollouts[cls], hf_token=token)

    secret = deploy(program, hf_token=VALUE).named("chat-hf-token")
    assert secret.properties["stringData"] == {"token": Secret(VALUE)}


def test_a_token_handed_over_in_plain_text_becomes_a_secret() -> None:
    recorder = deploy(lambda: ModelServer("chat", SERVER, hf_token=VALUE))
    assert recorder.named("chat-hf-token").properties["stringData"] == {"token": Secret(VALUE)}


def test_a_secret_of_a_part_is_a_secret_whatever_its_value_was() -> None:
    item = Item("it", "kubernetes:core/v1:Secret", "it", {"stringData": {"a": SecretRef("key")}})
    part = Part("Sample", "sample", (item,), {"copy": SecretRef("key")})
    recorder = deploy(lambda: Component(part, values={"key": "plain"}))
    assert recorder.named("it").properties["stringData"] == {"a": Secret("plain")}
    assert recorder.outputs[recorder.named("sample").urn] == {"copy": Secret("plain")}


def test_a_token_that_nobody_hands_over_is_missed_before_anything_is_registered() -> None:
    config = SERVER.with_changes(hf_token=PulumiSecret(kind="pulumi"))
    assert refused(lambda: ModelServer("chat", config)) == [
        "hf_token: the config takes the token from the program: hand it over, hf_token=config.require_secret(...)"
    ]


def test_every_missing_value_is_named_at_once_with_its_place() -> None:
    items = (
        Item("a", "kubernetes:core/v1:ConfigMap", "a", {"data": [{"x": SecretRef("first")}]}),
        Item("b", "kubernetes:core/v1:ConfigMap", "b", {"data": {"y": (Late("second"),)}}),
    )
    part = Part("Sample", "sample", items, {"out": Late("third")}, path=("models", "sample"))
    assert refused(lambda: Component(part, values={"second": "known"})) == [
        "models.sample.first: Sample/sample needs a value for it",
        "models.sample.third: Sample/sample needs a value for it",
    ]


@pytest.mark.parametrize(
    ("program", "path"),
    [
        (lambda: ModelServer("chat", SERVER.with_changes(gpu=1)), "gpu"),
        (lambda: ModelServer("chat", SERVER.with_changes(model="no spaces")), "model"),
        (lambda: Namespace("team", NamespaceConfig(pod_security="strict")), "pod_security"),
        (lambda: GkeCluster("c", GkeExistingConfig(kind="gke-existing", name="C", project="p", location="x")), "name"),
        (lambda: scaler(min=0, max=2, cpu_percent=50), "min"),
        (lambda: scaler(min=1, max=2, pod_metrics={"queue": 5}), "pod_metrics.queue"),
        (lambda: GpuNodePool("l4", ELSEWHERE, cluster="c", location="us-central1"), "zones[0]"),
        (lambda: PriorityClass("system-mine", PriorityClassConfig(value=1)), '"system-mine"'),
        (lambda: Chart("kedda"), "release"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_wrong_argument_is_named_before_anything_is_registered(program: Callable[[], Any], path: str) -> None:
    assert refused(program)[0].startswith(f"{path}: ")
