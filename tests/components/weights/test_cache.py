"""Model caches that are filled before pods start, and what they ask of pods and policies."""

from __future__ import annotations

from typing import Any

import pytest

from components.core.errors import ConfigError
from components.core.plan import Part
from components.engines.custom.config import CustomEngine
from components.engines.sglang.config import SglangEngine
from components.engines.tei.config import TeiEngine
from components.engines.tgi.config import TgiEngine
from components.engines.vllm.config import VllmEngine
from components.serving.config import ModelServerConfig, SecurityConfig
from components.serving.model_server import model_server
from components.serving.network_policy import NetworkConfig
from components.weights.cache import Claim, ExistingClaim, NodeDisk
from components.weights.gcs_fuse import GcsFuseCache
from components.weights.hub_token import ExistingSecret
from components.weights.hyperdisk_ml import HyperdiskMlCache
from components.weights.image_volume import ImageCache
from tests.components.parts import container, kinds, manifest, pod, variables

COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"
DIGEST = "sha256:" + "a" * 64
DISK = "projects/example-project/zones/us-central1-a/disks/weights"
BUCKET = GcsFuseCache(kind="gcs-fuse", bucket="example-weights")
HYPERDISK = HyperdiskMlCache(kind="hyperdisk-ml", size="100Gi", disk=DISK)
IMAGE = ImageCache(kind="image-volume", reference=f"registry.example.com/models/llama@{DIGEST}")


def served(cache: Any, **fields: object) -> Part:
    return model_server("chat", server(cache, **fields))


def server(cache: Any, **fields: object) -> ModelServerConfig:
    return ModelServerConfig(
        **{"model": "org/model", "revision": COMMIT, "engine": TgiEngine(), "cache": cache, **fields}
    )


def mount(part: Part) -> dict[str, Any]:
    return next(one for one in container(part)["volumeMounts"] if one["name"] == "model-cache")


def open_ranges(part: Part) -> list[tuple[str, int]]:
    """Addresses outside the cluster and ports that the pods may call, DNS left out."""
    return [
        (peer["ipBlock"]["cidr"], port["port"])
        for rule in manifest(part, "NetworkPolicy")["spec"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
        for port in rule["ports"]
        if port["port"] != 53
    ]


@pytest.mark.parametrize("cache", [BUCKET, HYPERDISK, IMAGE], ids=lambda cache: cache.kind)
def test_what_others_filled_is_mounted_read_only_and_the_hub_is_left_alone(cache: Any) -> None:
    part = served(cache)
    assert mount(part) == {"name": "model-cache", "mountPath": "/data", "readOnly": True}
    env = variables(part)
    assert env["HF_HUB_OFFLINE"] == env["TRANSFORMERS_OFFLINE"] == "1"
    assert env["HF_MODULES_CACHE"] == "/tmp/hf-modules"


def test_pods_that_fill_their_own_cache_stay_online() -> None:
    part = served(NodeDisk())
    assert "HF_HUB_OFFLINE" not in variables(part)
    assert "HF_MODULES_CACHE" not in variables(part)
    assert open_ranges(part) == [("0.0.0.0/0", 443)]


def test_offline_pods_may_call_nothing_outside_the_cluster() -> None:
    assert open_ranges(served(HYPERDISK)) == []
    assert open_ranges(served(IMAGE)) == []


def test_a_bucket_is_read_from_public_addresses_and_asks_the_metadata_server_who_the_pod_is() -> None:
    assert open_ranges(served(BUCKET)) == [
        ("0.0.0.0/0", 443),
        ("169.254.169.254/32", 80),
        ("169.254.169.252/32", 987),
        ("169.254.169.252/32", 988),
    ]


def test_with_private_access_a_bucket_is_read_from_googles_own_ranges_only() -> None:
    ranges = open_ranges(served(BUCKET.with_changes(private_access=True)))
    assert ranges[:2] == [("199.36.153.4/30", 443), ("199.36.153.8/30", 443)]
    assert ("0.0.0.0/0", 443) not in ranges


def test_who_says_so_may_call_out_although_offline() -> None:
    assert open_ranges(served(IMAGE, network=NetworkConfig(internet=True))) == [("0.0.0.0/0", 443)]
    assert open_ranges(served(NodeDisk(), network=NetworkConfig(internet=False))) == []


def test_an_image_may_be_served_online() -> None:
    part = served(IMAGE, offline=False)
    assert "HF_HUB_OFFLINE" not in variables(part)
    assert open_ranges(part) == [("0.0.0.0/0", 443)]


def test_a_bucket_is_mounted_with_options_for_weights_that_never_change() -> None:
    part = served(BUCKET.with_changes(prefix="qwen/7b"))
    (volume,) = [one for one in pod(part)["volumes"] if "csi" in one]
    assert volume["csi"]["driver"] == "gcsfuse.csi.storage.gke.io"
    assert volume["csi"]["readOnly"] is True
    attributes = volume["csi"]["volumeAttributes"]
    assert attributes["bucketName"] == "example-weights"
    assert attributes["fileCacheCapacity"] == "50Gi"
    assert attributes["gcsfuseMetadataPrefetchOnMount"] == "true"
    options = attributes["mountOptions"].split(",")
    assert {"implicit-dirs", "file-cache:enable-parallel-downloads:true", "metadata-cache:ttl-secs:-1"} <= {*options}
    assert options[-2:] == ["read_ahead_kb=1024", "only-dir=qwen/7b"]


def notes(part: Part) -> dict[str, str]:
    return dict(manifest(part, "Deployment")["spec"]["template"]["metadata"]["annotations"])


def test_the_sidecar_of_a_bucket_is_asked_for_and_never_killed_for_its_cache() -> None:
    found = notes(served(BUCKET))
    assert found["gke-gcsfuse/volumes"] == "true"
    assert found["gke-gcsfuse/ephemeral-storage-request"] == "50Gi"
    assert {found[f"gke-gcsfuse/{resource}-limit"] for resource in ("cpu", "memory", "ephemeral-storage")} == {"0"}


def test_a_file_cache_in_memory_is_memory_the_sidecar_asks_for() -> None:
    part = served(BUCKET.with_changes(file_cache="16Gi", file_cache_medium="memory"))
    volumes = {volume["name"]: volume for volume in pod(part)["volumes"]}
    assert volumes["gke-gcsfuse-cache"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Gi"}
    assert notes(part)["gke-gcsfuse/memory-request"] == f"{17 * 1024}Mi"


def test_a_disk_becomes_a_volume_and_a_claim_that_fit_nothing_else() -> None:
    part = served(HYPERDISK)
    volume, claim = (manifest(part, kind) for kind in ("PersistentVolume", "PersistentVolumeClaim"))
    assert volume["spec"]["csi"]["volumeHandle"] == DISK
    assert volume["spec"]["csi"]["readOnly"] is True
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume["spec"]["claimRef"] == {"namespace": "inference", "name": claim["metadata"]["name"]}
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert claim["spec"]["storageClassName"] == volume["spec"]["storageClassName"]
    assert claim["spec"]["accessModes"] == volume["spec"]["accessModes"] == ["ReadOnlyMany"]
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["us-central1-a"]
    mounted = pod(part)["volumes"][0]["persistentVolumeClaim"]
    assert mounted == {"claimName": claim["metadata"]["name"], "readOnly": True}


def test_a_snapshot_is_copied_to_each_zone_with_the_throughput_it_is_given() -> None:
    zones = ("us-central1-a", "us-central1-b")
    cache = HyperdiskMlCache(kind="hyperdisk-ml", size="100Gi", snapshot="llama", zones=zones, throughput_mib=2400)
    part = served(cache)
    made, claim = manifest(part, "StorageClass"), manifest(part, "PersistentVolumeClaim")
    assert made["parameters"] == {
        "type": "hyperdisk-ml",
        "enable-multi-zone-provisioning": "true",
        "provisioned-throughput-on-create": "2400Mi",
    }
    assert made["allowedTopologies"][0]["matchLabelExpressions"][0]["values"] == list(zones)
    assert claim["spec"]["storageClassName"] == made["metadata"]["name"]
    assert claim["spec"]["dataSource"]["name"] == "llama"


def test_another_disk_is_another_claim_because_none_can_change() -> None:
    names = {
        manifest(served(HYPERDISK.with_changes(**change)), "PersistentVolumeClaim")["metadata"]["name"]
        for change in ({}, {"size": "200Gi"}, {"disk": f"{DISK}-2"})
    }
    assert len(names) == 3


def test_an_image_is_mounted_by_its_digest() -> None:
    assert pod(served(IMAGE))["volumes"][0]["image"] == {"reference": IMAGE.reference, "pullPolicy": "IfNotPresent"}


def test_files_in_a_folder_are_given_to_the_engine_for_a_hub_repository() -> None:
    arguments = container(served(IMAGE.with_changes(folder="models/llama")))["args"]
    assert arguments[arguments.index("--model-id") + 1] == "/data/models/llama"
    assert "--revision" not in arguments
    assert notes(served(IMAGE.with_changes(folder="models/llama")))["inference/model"] == "org/model"


def test_a_custom_engine_finds_the_folder_too() -> None:
    engine = CustomEngine(kind="custom", image="registry.example.com/server:1", args=("$(MODEL_ID)",))
    assert variables(served(BUCKET.with_changes(folder="llama"), engine=engine))["MODEL_ID"] == "/models/llama"


def test_a_claim_filled_elsewhere_can_be_served_offline() -> None:
    part = served(ExistingClaim(kind="existing-claim", name="weights", access_mode="ReadWriteMany"), offline=True)
    assert variables(part)["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cache": NodeDisk(), "offline": True}, "offline: got true, but each pod starts with an empty node-disk"),
        (
            {"cache": Claim(kind="claim", size="1Ti", access_mode="ReadWriteMany"), "offline": True},
            "offline: got true, but the claim is made empty, and nothing fills it; add download",
        ),
        ({"cache": IMAGE, "hf_token": ExistingSecret()}, "hf_token: nothing would use it: the pods are offline"),
    ],
)
def test_an_offline_server_whose_cache_stays_empty_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        server(**fields)
    assert str(refusal.value).startswith(said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"size": "1Ti"}, "snapshot: neither is given; name either the filled disk or a VolumeSnapshot"),
        ({"size": "1Ti", "disk": DISK, "snapshot": "x", "zones": ("us-central1-a",)}, "snapshot: disk is given too"),
        ({"size": "1Ti", "snapshot": "x"}, "zones: is empty, and the volume made from a snapshot is in the zones"),
        (
            {"size": "1Ti", "disk": DISK.replace("us-central1-a", "multi-zone")},
            "zones: is empty, and a multi-zone disk is in the zones named here",
        ),
        ({"size": "1Ti", "disk": DISK, "zones": ("us-central1-b",)}, "zones: got us-central1-b; the disk is in"),
        ({"size": "1Ti", "disk": DISK, "throughput_mib": 2400}, "throughput_mib: is given to disks made from a"),
        ({"size": "1Ti", "snapshot": "x", "zones": ("us-central1",)}, 'zones[0]: got "us-central1"; must be a zone'),
    ],
)
def test_a_hyperdisk_that_cannot_be_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        HyperdiskMlCache(kind="hyperdisk-ml", **fields)
    assert str(refusal.value).startswith(said)


def test_weights_of_an_image_without_its_digest_are_refused() -> None:
    with pytest.raises(ConfigError, match="reference"):
        ImageCache(kind="image-volume", reference="registry.example.com/models/llama:1")


@pytest.mark.parametrize("folder", ["/models", "../other", "a/../b", "", "a//b"])
def test_a_folder_never_leads_out_of_the_cache(folder: str) -> None:
    with pytest.raises(ConfigError):
        BUCKET.with_changes(folder=folder)


def test_no_claim_is_made_for_what_needs_none() -> None:
    assert "PersistentVolumeClaim" not in kinds(served(BUCKET)) + kinds(served(IMAGE))


def test_files_of_a_bucket_belong_to_the_group_the_pod_runs_with() -> None:
    assert pod(served(BUCKET, security=SecurityConfig(fs_group=2000)))["securityContext"]["fsGroup"] == 2000


def test_tei_offline_needs_the_commit_whose_folder_it_is_given() -> None:
    claimed = ExistingClaim(kind="existing-claim", name="weights", access_mode="ReadWriteMany")
    with pytest.raises(ConfigError, match=r'revision: got "main", which can move: tei asks the Hub for it'):
        served(claimed, engine=TeiEngine(), offline=True, revision="main")
    assert "org/model" in container(served(claimed, engine=TeiEngine(), revision="main"))["args"]


@pytest.mark.parametrize(
    ("engine", "own"),
    [(VllmEngine(kind="vllm"), ("own",)), (SglangEngine(), "own"), (TeiEngine(), "own")],
    ids=["vllm", "sglang", "tei"],
)
def test_clients_name_the_model_and_not_the_folder_it_is_in(engine: Any, own: Any) -> None:
    bucket = GcsFuseCache(kind="gcs-fuse", bucket="example-weights", folder="model")
    for served_name, settings in (("org/model", {}), ("own", {"served_model_name": own})):
        arguments = container(served(bucket, engine=engine.model_copy(update=settings)))["args"]
        assert arguments[arguments.index("--served-model-name") + 1] == served_name
