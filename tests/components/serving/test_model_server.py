"""What one model on one engine becomes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.addons.addons import MetricsAdapterConfig
from components.core.errors import ConfigError
from components.core.plan import Part, SecretRef
from components.engines.custom.config import CustomEngine, MetricsConfig
from components.engines.tgi.config import TgiEngine
from components.monitoring.collect.scrape import ManagedPrometheus
from components.scaling.hpa import HpaConfig
from components.serving.config import ModelServerConfig, ResourcesConfig, SecurityConfig, UpdateConfig
from components.serving.model_server import model_server
from components.serving.network_policy import EgressConfig, NetworkConfig
from components.serving.site import Site
from components.traffic.service import ServiceConfig
from components.weights.cache import Claim, ExistingClaim, NodeDisk, ReplicaDisk
from components.weights.hub_token import ExistingSecret, ExternalSecret, PulumiSecret, SecretManager
from tests.components.parts import container, kinds, manifest, pod, variables

COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"


def server(**fields: object) -> ModelServerConfig:
    return ModelServerConfig(**{"model": "org/model", "revision": COMMIT, "engine": TgiEngine(), **fields})


def custom(**fields: object) -> CustomEngine:
    return CustomEngine(kind="custom", image="registry.example.com/server:1", **fields)


def test_a_server_brings_every_object_it_needs_and_nothing_else(l4_site: Site) -> None:
    assert kinds(model_server("chat", server(), l4_site)) == [
        "ServiceAccount",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Deployment",
        "Service",
    ]


def test_it_tells_others_where_it_is(l4_site: Site) -> None:
    outputs = model_server("chat", server(), l4_site).outputs
    assert outputs["url"] == "http://chat.inference.svc.cluster.local"
    assert outputs["selector"] == {"app": "chat"}
    assert outputs["deployments"] == ["chat"]


def test_one_gpu_is_asked_for_on_a_pool_with_gpus_and_none_elsewhere(l4_site: Site) -> None:
    resources = container(model_server("chat", server(), l4_site))["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == 1
    elsewhere = model_server("chat", server(engine=custom()))
    assert "nvidia.com/gpu" not in container(elsewhere)["resources"]["requests"]


def test_tgi_asks_for_a_gpu_even_where_the_nodes_are_not_known() -> None:
    part = model_server("chat", server())
    assert container(part)["resources"]["requests"]["nvidia.com/gpu"] == 1
    arguments = container(part)["args"]
    assert arguments[arguments.index("--num-shard") + 1] == "1"


def test_tgi_without_a_gpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="gpus: got 0; tgi serves on GPUs only: use 1 or more"):
        server(gpus=0)


def test_default_resources_are_most_of_the_node_and_fit_it(l4_site: Site) -> None:
    requests = container(model_server("chat", server(), l4_site))["resources"]["requests"]
    allocatable = l4_site.nodes[0].allocatable
    assert 0.6 * allocatable["cpu"] < float(requests["cpu"]) < allocatable["cpu"]
    assert requests["memory"].endswith("Gi")
    assert float(requests["memory"][:-2]) * 2**30 < allocatable["memory"]


def test_memory_has_a_limit_and_cpu_only_when_asked_for(l4_site: Site) -> None:
    limits = container(model_server("chat", server(), l4_site))["resources"]["limits"]
    assert "memory" in limits
    assert "cpu" not in limits
    own = ResourcesConfig(cpu=8, memory="32Gi", cpu_limit=16)
    limits = container(model_server("chat", server(resources=own), l4_site))["resources"]["limits"]
    assert limits == {"memory": "32Gi", "cpu": "16", "nvidia.com/gpu": 1}


def test_the_default_cpu_is_never_above_its_own_limit(l4_site: Site) -> None:
    part = model_server("chat", server(resources=ResourcesConfig(cpu_limit="500m")), l4_site)
    assert container(part)["resources"]["requests"]["cpu"] == "500m"


def test_a_variable_from_a_secret_takes_the_place_of_the_engine_s_own(l4_site: Site) -> None:
    part = model_server("chat", server(secret_env={"PORT": {"name": "keys", "key": "port"}}), l4_site)
    named = [variable for variable in container(part)["env"] if variable["name"] == "PORT"]
    assert named == [{"name": "PORT", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "port"}}}]


def test_the_pod_is_as_hard_as_tgi_s_image_allows(l4_site: Site) -> None:
    part = model_server("chat", server(), l4_site)
    spec = pod(part)
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsUser"] == 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(part)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_an_own_image_runs_without_root_by_default() -> None:
    context = pod(model_server("chat", server(engine=custom())))["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["fsGroup"] == 10001
    assert context["fsGroupChangePolicy"] == "OnRootMismatch"


def test_each_hardening_default_is_a_switch() -> None:
    own = SecurityConfig(user=2000, group=0, fs_group=2000, read_only_root=False)
    part = model_server("chat", server(engine=custom(), security=own))
    assert pod(part)["securityContext"]["runAsUser"] == 2000
    assert pod(part)["securityContext"]["runAsGroup"] == 0
    assert container(part)["securityContext"]["readOnlyRootFilesystem"] is False


def test_everything_the_engine_writes_is_a_volume(l4_site: Site) -> None:
    part = model_server("chat", server(), l4_site)
    mounts = {mount["mountPath"]: mount["name"] for mount in container(part)["volumeMounts"]}
    assert set(mounts) == {"/data", "/dev/shm", "/tmp"}
    assert len(mounts) == len(container(part)["volumeMounts"])
    assert set(mounts.values()) == {volume["name"] for volume in pod(part)["volumes"]}
    shm = next(volume for volume in pod(part)["volumes"] if volume["name"] == "shm")
    assert shm["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}


def test_a_pod_drains_before_it_stops_and_has_the_time_to(l4_site: Site) -> None:
    part = model_server("chat", server(engine=TgiEngine(graceful_termination_timeout=120)), l4_site)
    sleep = container(part)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep == 15
    assert pod(part)["terminationGracePeriodSeconds"] >= sleep + 120 + 15


def test_a_startup_probe_holds_the_others_back_for_half_an_hour(l4_site: Site) -> None:
    probe = container(model_server("chat", server(), l4_site))["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 1800


def test_an_update_needs_no_spare_gpu(l4_site: Site) -> None:
    rolling = manifest(model_server("chat", server(), l4_site), "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 0, "maxUnavailable": 1}


def test_without_gpus_an_update_adds_a_pod_first() -> None:
    rolling = manifest(model_server("chat", server(engine=custom())), "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 1, "maxUnavailable": 0}
    own = server(update=UpdateConfig(max_surge=2, max_unavailable=1))
    rolling = manifest(model_server("chat", own), "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 2, "maxUnavailable": 1}


def test_pulumi_waits_long_enough_for_every_replica_to_load(l4_site: Site) -> None:
    part = model_server("chat", server(replicas=3), l4_site)
    timeouts = {item.kind: item.timeout_seconds for item in part.items}
    deadline = manifest(part, "Deployment")["spec"]["progressDeadlineSeconds"]
    assert timeouts["Deployment"] == timeouts["Service"] == 3 * deadline
    assert deadline == 900 + 1800


def test_pulumi_waits_for_as_many_pods_as_an_autoscaler_may_have_made() -> None:
    scaled = server(autoscaling=HpaConfig(min=1, max=20, cpu_percent=70))
    timeouts = {item.kind: item.timeout_seconds for item in model_server("chat", scaled).items}
    assert timeouts["Deployment"] == timeouts["Service"] == 20 * (900 + 1800)


def test_replicas_are_absent_from_what_is_scaled() -> None:
    scaled = server(autoscaling=HpaConfig(min=1, max=4, cpu_percent=70))
    part = model_server("chat", scaled)
    assert "replicas" not in manifest(part, "Deployment")["spec"]
    target = manifest(part, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}
    assert manifest(model_server("chat", server(replicas=3)), "Deployment")["spec"]["replicas"] == 3


def test_a_signal_that_cannot_be_served_is_refused_with_its_path() -> None:
    with pytest.raises(ConfigError) as refusal:
        model_server("chat", server(autoscaling=HpaConfig(min=1, max=4, queue_depth=10)))
    assert str(refusal.value).startswith("autoscaling.queue_depth: needs a metrics adapter")


def test_the_queue_is_tgi_s_own_metric_under_the_adapter_s_name(l4_site: Site) -> None:
    site = replace(l4_site, adapter=MetricsAdapterConfig(kind="stackdriver"))
    part = model_server("chat", server(autoscaling=HpaConfig(min=1, max=4, queue_depth=10)), site)
    metric = manifest(part, "HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"]
    assert metric["metric"]["name"] == "prometheus.googleapis.com|tgi_queue_size|gauge"
    assert metric["target"] == {"type": "AverageValue", "averageValue": "10"}


def test_only_neighbours_gateways_and_prometheus_may_call(l4_site: Site) -> None:
    site = replace(l4_site, prometheus=ManagedPrometheus(kind="managed"), callers=("istio-ingress",))
    part = model_server("chat", server(), site)
    policy = manifest(part, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    sources = policy["ingress"][0]["from"]
    names = [
        source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for source in sources
        if "namespaceSelector" in source
    ]
    assert names == ["gke-gmp-system", "istio-ingress"]
    assert {"podSelector": {}} in sources
    assert not any("ipBlock" in source for source in sources)


def test_pods_may_fetch_models_and_reach_nothing_private(l4_site: Site) -> None:
    egress = manifest(model_server("chat", server(), l4_site), "NetworkPolicy")["spec"]["egress"]
    blocks = [to["ipBlock"] for rule in egress for to in rule["to"] if to.get("ipBlock", {}).get("except")]
    assert blocks[0]["cidr"] == "0.0.0.0/0"
    assert "169.254.0.0/16" in blocks[0]["except"], "the metadata server"


def test_workload_identity_opens_the_metadata_server_and_annotates_the_account() -> None:
    account = "chat-sa@my-project.iam.gserviceaccount.com"
    part = model_server("chat", server(gcp_service_account=account))
    about = manifest(part, "ServiceAccount")["metadata"]
    assert about["annotations"] == {"iam.gke.io/gcp-service-account": account}
    egress = manifest(part, "NetworkPolicy")["spec"]["egress"]
    assert any({"ipBlock": {"cidr": "169.254.169.254/32"}} in rule["to"] for rule in egress[1:])


def test_traces_may_leave_for_their_collector() -> None:
    engine = TgiEngine(otlp_endpoint="http://jaeger.tracing:4317")
    egress = manifest(model_server("chat", server(engine=engine)), "NetworkPolicy")["spec"]["egress"]
    assert {"to": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 4317}]} in egress


def test_a_load_balancer_is_internal_unless_said_otherwise() -> None:
    inside = manifest(model_server("chat", server(service=ServiceConfig(type="LoadBalancer"))), "Service")
    assert inside["metadata"]["annotations"] == {"networking.gke.io/load-balancer-type": "Internal"}
    outside = model_server("chat", server(service=ServiceConfig(type="LoadBalancer", internal=False)))
    assert "annotations" not in manifest(outside, "Service")["metadata"]
    sources = manifest(outside, "NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert {"ipBlock": {"cidr": "0.0.0.0/0"}} in sources, "clients come from outside"


def test_a_load_balancer_keeps_the_client_s_address_for_the_network_policy() -> None:
    part = model_server("chat", server(service=ServiceConfig(type="LoadBalancer")))
    assert manifest(part, "Service")["spec"]["externalTrafficPolicy"] == "Local"
    assert "externalTrafficPolicy" not in manifest(model_server("chat", server()), "Service")["spec"]


def test_a_database_in_the_cluster_may_be_called_when_named() -> None:
    network = NetworkConfig(egress=(EgressConfig(namespace="data", ports=(5432,)),))
    egress = manifest(model_server("chat", server(network=network)), "NetworkPolicy")["spec"]["egress"]
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}}}
    assert {"to": [there], "ports": [{"protocol": "TCP", "port": 5432}]} in egress


def test_shared_memory_is_part_of_memory_and_must_leave_some() -> None:
    with pytest.raises(ConfigError, match='shared_memory: got "33Gi"; must be at most the memory it is part of, 32Gi'):
        model_server("chat", server(shared_memory="33Gi", resources=ResourcesConfig(memory="32Gi")))


@pytest.mark.parametrize("scratch", [["/tmp", "/tmp"], ["/models"], ["/dev/shm"]])
def test_a_path_is_mounted_once(scratch: list[str]) -> None:
    with pytest.raises(ConfigError, match="is mounted already; name each path once"):
        custom(scratch=scratch)


def test_paths_of_any_form_become_volumes_of_their_own() -> None:
    part = model_server("chat", server(engine=custom(scratch=("/.cache", "/a/b", "/a-b"))))
    names = [volume["name"] for volume in pod(part)["volumes"]]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) for name in names)


def test_an_update_that_could_never_move_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_unavailable: got 0, and max_surge is 0 too"):
        UpdateConfig(max_surge=0, max_unavailable=0)


def test_port_80_of_the_service_leads_to_the_container_s_own_port(l4_site: Site) -> None:
    part = model_server("chat", server(), l4_site)
    port = manifest(part, "Service")["spec"]["ports"][0]
    assert (port["port"], port["targetPort"], port["name"], port["appProtocol"]) == (80, "http", "http", "http")
    assert container(part)["ports"][0]["containerPort"] == 8080


def test_a_drain_of_nodes_takes_one_pod_at_a_time_and_is_never_blocked() -> None:
    budget = manifest(model_server("chat", server()), "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow", "a pod that never gets ready must not hold up a drain"
    assert budget["selector"] == {"matchLabels": {"app": "chat"}}


@pytest.mark.parametrize(
    ("source", "kind", "secret"),
    [
        (ExistingSecret(name="hf-token"), None, "hf-token"),
        (PulumiSecret(kind="pulumi"), "Secret", "chat-hf-token"),
        (ExternalSecret(kind="external-secret", store="gcp", remote_key="hf"), "ExternalSecret", "chat-hf-token"),
        (
            SecretManager(kind="secret-manager", secret="projects/p-1/secrets/hf"),
            "SecretProviderClass",
            "chat-hf-token",
        ),
    ],
)
def test_the_token_comes_from_wherever_the_team_keeps_it(source: object, kind: str | None, secret: str) -> None:
    part = model_server("chat", server(hf_token=source))
    entry = next(entry for entry in container(part)["env"] if entry["name"] == "HF_TOKEN")
    assert entry["valueFrom"]["secretKeyRef"] == {"name": secret, "key": "token"}
    assert kind is None or kind in kinds(part)


def test_a_pulumi_secret_is_only_a_reference_in_the_plan() -> None:
    part = model_server("chat", server(hf_token=PulumiSecret(kind="pulumi", secret="my_token")))
    assert manifest(part, "Secret")["stringData"] == {"token": SecretRef("my_token")}


def test_secret_manager_mounts_its_volume_without_which_the_secret_would_not_exist() -> None:
    part = model_server("chat", server(hf_token=SecretManager(kind="secret-manager", secret="projects/p-1/secrets/h")))
    volume = next(volume for volume in pod(part)["volumes"] if "csi" in volume)
    assert volume["name"] in {mount["name"] for mount in container(part)["volumeMounts"]}


def test_a_new_token_version_restarts_the_pods() -> None:
    def template(version: str) -> object:
        part = model_server("chat", server(hf_token=ExistingSecret(version=version)))
        return manifest(part, "Deployment")["spec"]["template"]

    assert template("1") != template("2")


def test_a_server_that_reads_no_token_is_given_none() -> None:
    part = model_server("chat", server(engine=custom(reads_hub_token=False), hf_token=ExistingSecret()))
    assert not any(entry["name"] == "HF_TOKEN" for entry in container(part)["env"])


def test_a_claim_is_protected_and_waited_for() -> None:
    cache = Claim(kind="claim", size="1Ti", access_mode="ReadWriteMany", storage_class="zonal-rwx")
    part = model_server("chat", server(cache=cache))
    item = next(item for item in part.items if item.kind == "PersistentVolumeClaim")
    assert item.protect
    assert item.timeout_seconds == 900
    deployment = next(item for item in part.items if item.kind == "Deployment")
    assert item.role in deployment.after
    assert item.properties["spec"]["accessModes"] == ["ReadWriteMany"]


def test_node_disk_is_asked_for_where_it_is_used() -> None:
    part = model_server("chat", server(cache=NodeDisk(size="80Gi")))
    assert container(part)["resources"]["requests"]["ephemeral-storage"] == "80Gi"
    replica = model_server("chat", server(cache=ReplicaDisk(kind="replica-disk", size="80Gi")))
    assert "ephemeral-storage" not in container(replica)["resources"]["requests"]
    assert any("ephemeral" in volume for volume in pod(replica)["volumes"])


def test_a_read_only_claim_is_mounted_read_only() -> None:
    cache = ExistingClaim(kind="existing-claim", name="weights", access_mode="ReadOnlyMany")
    mount = next(m for m in container(model_server("chat", server(cache=cache)))["volumeMounts"] if "readOnly" in m)
    assert mount == {"name": "model-cache", "mountPath": "/data", "readOnly": True}


def test_metrics_are_scraped_from_the_pods_where_something_scrapes(l4_site: Site) -> None:
    part = model_server("chat", server(), replace(l4_site, prometheus=ManagedPrometheus(kind="managed")))
    endpoint = manifest(part, "PodMonitoring")["spec"]["endpoints"][0]
    assert endpoint == {"port": "http", "path": "/metrics", "interval": "15s"}
    silent = model_server("chat", server(engine=custom()), Site(prometheus=ManagedPrometheus(kind="managed")))
    assert "PodMonitoring" not in kinds(silent)


def test_a_custom_container_runs_as_written_with_the_model_s_variables() -> None:
    engine = custom(command=("python", "-m", "app"), args=("$(MODEL_ID)",), env={"WORKERS": "1"}, port=9000)
    part = model_server("vlm", server(engine=engine))
    assert container(part)["command"] == ["python", "-m", "app"]
    assert container(part)["args"] == ["$(MODEL_ID)"]
    assert container(part)["ports"][0]["containerPort"] == 9000
    assert variables(part)["MODEL_ID"] == "org/model"
    assert variables(part)["WORKERS"] == "1"


def test_a_custom_engine_may_say_whose_metrics_it_emits() -> None:
    launch = custom(metrics=MetricsConfig(like="vllm", names={"my_total": "counter"})).launch("a/b", None, 1)
    assert launch.roles["waiting_requests"] == "vllm:num_requests_waiting"
    assert launch.metrics["my_total"] == "counter"


@pytest.mark.parametrize("name", ["HF_TOKEN", "DB_PASSWORD", "OPENAI_API_KEY"])
def test_a_credential_in_plain_text_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        server(env={name: "hf_supersecretvalue123"})
    assert f"env.{name}: a credential must not be written in plain text" in str(refusal.value)
    assert "supersecret" not in str(refusal.value)


def test_labels_that_services_select_by_cannot_be_overwritten() -> None:
    with pytest.raises(ConfigError, match=r"labels\.version: is ours"):
        server(labels={"version": "2"})


_STEPS = st.none() | st.integers(0, 3)


@given(surge=_STEPS, unavailable=_STEPS, gpus=st.sampled_from([0, 1]))
def test_a_rolling_update_can_always_move(surge: int | None, unavailable: int | None, gpus: int) -> None:
    assume((surge, unavailable) != (0, 0))
    update = UpdateConfig(max_surge=surge, max_unavailable=unavailable)
    part: Part = model_server("chat", server(engine=custom(), gpus=gpus, update=update))
    rolling = manifest(part, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling["maxSurge"] + rolling["maxUnavailable"] > 0


@pytest.mark.parametrize(("mode", "noted"), [("ReadWriteOnce", "ReadWriteOnce"), ("ReadWriteMany", None)])
def test_pods_carry_how_a_claim_of_somebody_else_can_be_mounted(mode: str, noted: str | None) -> None:
    cache = ExistingClaim(kind="existing-claim", name="models", access_mode=mode)
    template = manifest(model_server("chat", server(engine=custom(), cache=cache)), "Deployment")["spec"]["template"]
    assert template["metadata"]["annotations"].get("inference/cache-access-mode") == noted


def test_a_single_pod_with_a_disk_of_its_own_is_replaced_without_a_second_one() -> None:
    cache = Claim(kind="claim", size="100Gi", access_mode="ReadWriteOnce")
    part = model_server("chat", server(engine=custom(), cache=cache))
    rolling = manifest(part, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 0, "maxUnavailable": 1}


def test_another_credential_comes_from_a_secret() -> None:
    part = model_server("chat", server(secret_env={"OPENAI_API_KEY": {"name": "openai", "key": "key"}}))
    entry = next(entry for entry in container(part)["env"] if entry["name"] == "OPENAI_API_KEY")
    assert entry["valueFrom"]["secretKeyRef"] == {"name": "openai", "key": "key"}


@pytest.mark.parametrize("value", ["", "$(OTHER)"])
def test_a_variable_that_states_no_credential_may_be_called_like_one(value: str) -> None:
    assert server(env={"MY_TOKEN": value}).env == {"MY_TOKEN": value}


def test_a_password_in_a_url_is_a_credential_and_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as refusal:
        server(env={"DB": "postgres://user:hunter2hunter2@db/x"})
    assert "plain text" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)
