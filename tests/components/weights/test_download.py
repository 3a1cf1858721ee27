"""The Job that fills a claim: what it may, when it runs again, and what waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from components.core.errors import ConfigError
from components.core.plan import NodeShape, Part
from components.engines.custom.config import CustomEngine
from components.engines.sglang.config import SglangEngine
from components.engines.tei.config import TeiEngine
from components.engines.tgi.config import TgiEngine
from components.engines.vllm.config import VllmEngine
from components.kinds.pod import pod_template
from components.rollout.model import ModelConfig, model
from components.serving.site import Site
from components.tenancy.pod_security import level_reached
from components.weights.cache import Claim
from components.weights.download import DownloadConfig
from components.weights.hub_token import ExistingSecret, SecretManager
from tests.components.parts import container, kinds, manifest, pod, variables

COMMIT, OTHER = "0e9e39f249a16976918f6564b8830bc894c89659", "a09a35458c702b33eeacc393d103063234e8bc28"


def claim(access_mode: str = "ReadWriteMany", **download: Any) -> Claim:
    return Claim(kind="claim", size="1Ti", access_mode=access_mode, download=DownloadConfig(**download))


def served(cache: Claim | None = None, site: Site | None = None, **fields: object) -> Part:
    settings = {"model": "org/model", "revision": COMMIT, "engine": TgiEngine(), "cache": cache or claim(), **fields}
    return model("chat", ModelConfig(**settings), site)


def job(part: Part) -> dict[str, Any]:
    return manifest(part, "Job")


def job_pod(part: Part) -> dict[str, Any]:
    return dict(job(part)["spec"]["template"]["spec"])


def filled(part: Part) -> str:
    volume = next(volume for volume in job_pod(part)["volumes"] if volume["name"] == "claim")
    return str(volume["persistentVolumeClaim"]["claimName"])


def test_a_filled_claim_brings_a_job_with_an_account_and_a_policy_of_its_own() -> None:
    assert kinds(served()) == [
        "ServiceAccount",
        "PersistentVolumeClaim",
        "NetworkPolicy",
        "ServiceAccount",
        "NetworkPolicy",
        "Job",
        "PodDisruptionBudget",
        "Deployment",
        "Service",
    ]


def test_the_deployment_waits_for_the_job_as_long_as_the_job_may_take() -> None:
    items = {item.kind: item for item in served(claim(deadline_seconds=600)).items}
    assert items["Job"].role in items["Deployment"].after
    assert items["Job"].timeout_seconds == 600
    assert items["Job"].properties["spec"]["activeDeadlineSeconds"] == 600


def test_the_job_downloads_the_pinned_revision_to_where_the_engine_looks() -> None:
    (download,) = job_pod(served())["containers"]
    env = {entry["name"]: entry["value"] for entry in download["env"]}
    assert (env["MODEL_ID"], env["MODEL_REVISION"]) == ("org/model", COMMIT)
    assert env["HF_HOME"] == variables(served())["HF_HOME"] == download["volumeMounts"][0]["mountPath"]
    assert env["EXCLUDE"] == "original/*"
    assert "snapshot_download" in download["command"][2]


def hub_folder(env: dict[str, str]) -> str:
    """Where the Hub's libraries look (huggingface_hub 0.30 and 2.4 constants.py; hf-hub knows HF_HOME alone)."""
    return env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE") or f"{env['HF_HOME']}/hub"


TOOLS = "registry.example.com/tools/hub:1"


@pytest.mark.parametrize(
    ("engine", "image"),
    [
        (TgiEngine(), None),
        (TgiEngine(), TOOLS),
        (VllmEngine(kind="vllm"), None),
        (SglangEngine(), None),
        (TeiEngine(), TOOLS),
        (CustomEngine(kind="custom", image="registry.example.com/server:1"), TOOLS),
    ],
    ids=lambda value: getattr(value, "kind", value and "own-image"),
)
def test_the_job_fills_the_folder_that_the_server_reads(engine: Any, image: str | None) -> None:
    part = served(claim(image=image) if image else claim(), engine=engine)
    (download,) = job_pod(part)["containers"]
    env = {entry["name"]: entry["value"] for entry in download["env"]}
    assert hub_folder(env) == hub_folder(variables(part))
    (mounted,) = [one["mountPath"] for one in container(part)["volumeMounts"] if one["name"] == "model-cache"]
    assert hub_folder(env) == f"{mounted}/hub"
    assert mounted in [one["mountPath"] for one in download["volumeMounts"]]


@pytest.mark.parametrize("engine", [VllmEngine(kind="vllm"), SglangEngine()], ids=lambda engine: engine.kind)
def test_the_python_that_serves_downloads_too(engine: Any) -> None:
    (download,) = job_pod(served(engine=engine))["containers"]
    assert download["image"] == container(served(engine=engine))["image"]
    assert download["command"][:2] == ["python3", "-c"]


def test_tei_is_given_the_folder_that_the_job_fills() -> None:
    """It asks the Hub for what it is given a name of, HF_HUB_OFFLINE or not."""
    part = served(claim(image=TOOLS), engine=TeiEngine(), gpus=0)
    arguments = container(part)["args"]
    assert arguments[arguments.index("--model-id") + 1] == f"/data/hub/models--org--model/snapshots/{COMMIT}"
    assert "--revision" not in arguments
    assert arguments[arguments.index("--served-model-name") + 1] == "org/model"
    assert "org/model" in container(served(Claim(kind="claim", size="1Ti", access_mode="ReadWriteMany")))["args"]


def test_tei_s_image_cannot_download() -> None:
    with pytest.raises(ConfigError, match=r"cache\.download\.image: the image of tei is not known to have Python"):
        served(engine=TeiEngine())


@pytest.mark.parametrize("name", ["HF_HOME", "HF_HUB_CACHE"])
def test_a_variable_that_leads_the_server_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"env\.{name}: would lead the server away from what cache\.download fills"):
        served(env={name: "/elsewhere"})


def test_the_engines_own_image_downloads_with_its_own_python() -> None:
    (download,) = job_pod(served())["containers"]
    assert download["image"] == container(served())["image"]
    assert download["command"][:2] == ["/usr/src/.venv/bin/python", "-c"]


def test_an_image_of_ones_own_runs_restricted() -> None:
    part = served(claim(image="registry.example.com/tools/hub:1.2.3"))
    assert level_reached(pod_template({"spec": job_pod(part)})) == "restricted"
    assert job_pod(part)["containers"][0]["command"][0] == "python3"
    assert job_pod(part)["securityContext"]["runAsUser"] != 0


def test_an_engine_whose_image_is_not_known_to_download_needs_another_for_it() -> None:
    engine = CustomEngine(kind="custom", image="registry.example.com/server:1")
    with pytest.raises(ConfigError, match=r"cache\.download\.image: the image of server is not known to have Python"):
        served(engine=engine)
    assert "Job" in kinds(served(claim(image="registry.example.com/tools/hub:1"), engine=engine))


def test_only_the_job_reaches_the_hub_and_holds_the_token() -> None:
    part = served(hf_token=ExistingSecret())
    names = {entry["name"] for entry in container(part)["env"]}
    assert "HF_TOKEN" not in names
    assert "HF_TOKEN" in {entry["name"] for entry in job_pod(part)["containers"][0]["env"]}
    policies = {item.object_name: item.properties["spec"] for item in part.items if item.kind == "NetworkPolicy"}
    https = [port for rule in policies["chat"]["egress"] for port in rule["ports"] if port["port"] == 443]
    assert https == []
    assert policies["chat-download"]["egress"][-1]["ports"] == [{"protocol": "TCP", "port": 443}]
    assert policies["chat-download"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policies["chat-download"]
    labels = job(part)["spec"]["template"]["metadata"]["labels"]
    assert policies["chat-download"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert labels["app"] != "chat", "the Service must not lead to the Job"


def test_a_token_from_a_mounted_store_is_mounted_by_the_job_that_needs_it() -> None:
    source = SecretManager(kind="secret-manager", secret="projects/p/secrets/hub")
    part = served(hf_token=source)
    assert "hub-token" in {volume["name"] for volume in job_pod(part)["volumes"]}
    assert "hub-token" not in {volume["name"] for volume in pod(part)["volumes"]}


@pytest.mark.parametrize(
    "change",
    [{"revision": OTHER}, {"model": "org/other"}, {"cache": claim(include=("*.json",))}, {"cache": claim(cpu="4")}],
)
def test_another_download_is_another_job_because_none_can_change(change: dict[str, Any]) -> None:
    before = next(item for item in served().items if item.kind == "Job")
    after = next(item for item in served(**change).items if item.kind == "Job")
    assert before.object_name != after.object_name
    assert before.name != after.name
    assert before.role != after.role


def test_the_same_download_is_the_same_job() -> None:
    same = [next(item for item in served(replicas=count).items if item.kind == "Job") for count in (1, 2)]
    assert same[0] == same[1]
    assert COMMIT[:8] in same[0].object_name


def test_pods_share_one_claim_for_all_revisions_where_many_nodes_can_mount_it() -> None:
    assert filled(served()) == filled(served(revision=OTHER)) == "chat-cache"


def test_a_disk_of_one_node_is_made_anew_for_each_revision_because_the_last_one_is_in_use() -> None:
    disk = claim("ReadWriteOnce")
    names = {filled(served(disk)), filled(served(disk, revision=OTHER))}
    assert len(names) == 2
    (item,) = [item for item in served(disk).items if item.kind == "PersistentVolumeClaim"]
    assert item.object_name == filled(served(disk))
    assert pod(served(disk))["volumes"][0]["persistentVolumeClaim"]["claimName"] == filled(served(disk))
    assert not item.protect, "Pulumi could never take the last revision's disk away"


def test_a_disk_of_one_node_is_made_in_a_zone_where_the_pods_can_run() -> None:
    node = NodeShape("l4", {}, (), {"cpu": 8.0, "memory": 2.0**35}, ("us-central1-a",), 0, 1, "on-demand")
    terms = job_pod(served(claim("ReadWriteOnce"), Site(nodes=(node,))))["affinity"]["nodeAffinity"]
    (term,) = terms["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["us-central1-a"]
    assert "affinity" not in job_pod(served(claim(), Site(nodes=(node,))))


def test_pods_mount_what_a_job_fills_read_only() -> None:
    mounts = {mount["name"]: mount for mount in container(served())["volumeMounts"]}
    assert mounts["model-cache"]["readOnly"] is True
    assert variables(served())["HF_HUB_OFFLINE"] == "1"


def test_two_versions_of_one_server_get_a_job_each_and_the_same_revision_only_one() -> None:
    def jobs(**canary: object) -> int:
        rollout = {"kind": "canary", "canary": {"env": {"TRY": "1"}, **canary}}
        return kinds(served(rollout=rollout)).count("Job")

    assert (jobs(), jobs(revision=OTHER)) == (1, 2)


@pytest.mark.parametrize(("revision", "said"), [("main", 'got "main", which can move'), (None, "is missing")])
def test_a_revision_that_can_move_is_refused(revision: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"revision: {said}: cache.download fills the claim once"):
        served(revision=revision)
