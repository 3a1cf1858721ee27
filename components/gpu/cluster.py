"""The cluster everything runs on: one we create, one that is there on GKE, or any by kubeconfig."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..catalog.zones import is_zone, region_of
from ..core.config import Cidr, Config, Flag, LabelKey, LabelValue, defaults, patterned
from ..core.errors import MisfitError, Problem
from ..core.manifest import without_none
from ..core.plan import Item, ItemOutput, Part
from .kubeconfig import KubeconfigConfig
from .node_pool import DiskSize, GpuNodePoolConfig, Nodes, Upgrade, Zone, pool_item

CLUSTER = "gcp:container/cluster:Cluster"
CREATE_TIMEOUT_SECONDS = 45 * 60
SYSTEM_POOL = "system"
"""Name of the pool for the cluster's own pods; pools of the stack may not take it."""
_WINDOW_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""A day in the past: GKE repeats a maintenance window from its first occurrence on."""

Project = Annotated[
    str,
    patterned(r"^([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", "a Google Cloud project id such as my-project"),
]
"""A Google Cloud project id."""
Location = Annotated[
    str, patterned(r"^[a-z]+-[a-z]+\d+(-[a-z])?$", "a region such as us-central1, or a zone such as us-central1-a")
]
"""A Compute Engine region or zone."""
ClusterName = Annotated[
    str,
    patterned(r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", "a cluster name: up to 40 lower-case letters, digits and dashes"),
]
"""A GKE cluster's name."""
Mode = Literal["standard", "autopilot"]


class MaintenanceWindow(Config):
    """When GKE may upgrade the cluster by itself. Times are UTC."""

    days: tuple[Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"], ...]
    """Days of the week."""
    start_hour: Annotated[int, Field(strict=True, ge=0, le=23)]
    """Hour of the day it opens, 0 to 23, UTC."""
    hours: Annotated[int, Field(strict=True, ge=4, le=24)]
    """How long it is open. GKE ignores windows shorter than four hours."""

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        # docs.cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions: 48 hours in any
        # 32 days; four whole weeks fit in those.
        monthly = 4 * len(set(self.days)) * self.hours
        if monthly < 48:  # noqa: PLR2004
            raise MisfitError(
                f"got {self.hours}; with {len(set(self.days))} days that is {monthly} hours in four weeks, and GKE "
                "needs 48: add days or hours",
                at=("hours",),
            )
        return self


class AuthorizedNetwork(Config):
    """Addresses that may reach the control plane."""

    name: str
    """What it is, for people."""
    cidr: Cidr
    """The address range."""


class SystemPool(Config):
    """Nodes for the cluster's own pods: DNS, metrics, controllers. GPU pools wait for it."""

    machine_type: str = "e2-standard-4"
    """Machine type. Omitted: e2-standard-4."""
    nodes: Nodes = Nodes(min=1, max=3)
    """Fewest and most nodes over all zones. Omitted: 1 to 3."""
    disk_size_gb: DiskSize = 100
    """Boot disk of each node, in GB; images and the pods' own files are on it. Omitted: 100."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.nodes.min < 1:
            raise MisfitError("got 0; the cluster's own pods need at least 1 node", at=("nodes", "min"))
        self.as_pool()
        return self

    def as_pool(self) -> GpuNodePoolConfig:
        """The same as a pool's settings. Upgrades add a node first: these machines are not scarce."""
        upgrade = Upgrade(max_surge=1, max_unavailable=0)
        return GpuNodePoolConfig(
            machine_type=self.machine_type, nodes=self.nodes, disk_size_gb=self.disk_size_gb, upgrade=upgrade
        )


class GkeClusterConfig(Config):
    """A GKE cluster this stack creates."""

    unknown_field_hints: ClassVar[dict[str, str]] = {
        "autopilot": "write mode: autopilot",
        "region": "write location",
        "zone": "write location",
    }

    kind: Literal["gke"] = "gke"
    """`gke`: create a cluster."""
    name: ClusterName
    """The cluster's name; changing it replaces the cluster."""
    project: Project
    """Google Cloud project."""
    location: Location
    """A region (control plane and nodes in several zones) or a zone."""
    zones: tuple[Zone, ...] = ()
    """Zones for nodes. Omitted: GKE picks three of the region, which need not have your GPU; pools choose their own."""
    mode: Mode = "standard"
    """standard: we make node pools; autopilot: GKE makes nodes for pods. Omitted: standard."""
    release_channel: Literal["rapid", "regular", "stable", "extended"] = "regular"
    """How soon GKE upgrades the cluster. Omitted: regular."""
    network: str = "default"
    """VPC network. Omitted: the project's `default`."""
    subnetwork: str | None = None
    """Subnetwork of the region. Omitted: the network's own one of that name there."""
    pods_range: str | None = None
    """Name of the subnetwork's secondary range for pods. Omitted: GKE makes one."""
    services_range: str | None = None
    """Name of the subnetwork's secondary range for Services. Omitted: GKE makes one."""
    private_nodes: Flag = False
    """Nodes without public addresses. Omitted: they have them. Private nodes reach the Hub and ghcr.io only through
    a Cloud NAT that you provide."""
    authorized_networks: tuple[AuthorizedNetwork, ...] = ()
    """Networks that may reach the control plane. Omitted: any, with valid credentials."""
    managed_prometheus: Flag = True
    """Google's managed collection of Prometheus metrics. Omitted: on."""
    managed_dcgm: Flag = True
    """Google's managed DCGM exporter, for GPU metrics. Omitted: on; do not run your own beside it."""
    gateway_api: Flag = True
    """Google's Gateway API controller and its CRDs. Omitted: on."""
    gcs_fuse: Flag = True
    """The driver that mounts Cloud Storage buckets. Omitted: on."""
    filestore: Flag = False
    """The driver for Filestore, whose volumes many replicas can write. Omitted: off."""
    secret_manager: Flag = False
    """The add-on that mounts Secret Manager secrets. Omitted: off."""
    image_streaming: Flag = False
    """Image streaming for all pools; only for images in Artifact Registry. Omitted: pools decide."""
    dataplane_v2: Flag = True
    """Dataplane V2, which enforces network policies. Omitted: on; false has Calico enforce them. Changing it replaces
    the cluster."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Google Cloud labels of the cluster, for billing. Omitted: none."""
    maintenance: MaintenanceWindow | None = None
    """When GKE may upgrade. Omitted: at any time."""
    system_pool: SystemPool = defaults(SystemPool)
    """Nodes for the cluster's own pods. Omitted: 1 to 3 of e2-standard-4. Not on Autopilot."""
    deletion_protection: Flag = True
    """The provider refuses to delete the cluster. Omitted: it does; set false, run up, then destroy."""
    protect: Flag = True
    """Pulumi refuses to delete the cluster. Omitted: it does."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        MisfitError.raise_all(self._problems())
        return self

    def _problems(self) -> list[Problem]:
        region = region_of(self.location)
        problems = [
            Problem(("zones", place), f"{zone} is not in {region}; name zones of {region}")
            for place, zone in enumerate(self.zones)
            if region_of(zone) != region
        ]
        if not self.autopilot:
            return problems
        if is_zone(self.location):
            problems.append(Problem(("location",), f"Autopilot clusters are regional; use {region}"))
        if "system_pool" in self.model_fields_set:
            problems.append(Problem(("system_pool",), "Autopilot has no node pools; remove it, or use mode: standard"))
        problems += [
            Problem((field,), f"is always on with Autopilot; remove {field}: false, or use mode: standard")
            for field in ("managed_prometheus", "gcs_fuse", "dataplane_v2")
            if not getattr(self, field)
        ]
        return problems

    @property
    def autopilot(self) -> bool:
        """Whether GKE makes the nodes itself."""
        return self.mode == "autopilot"

    @property
    def context(self) -> None:
        """None: Google's own plugin logs in, by the cluster's name."""
        return


class GkeExistingConfig(Config):
    """A GKE cluster that is there already: it is used, never changed."""

    kind: Literal["gke-existing"]
    """`gke-existing`: use a cluster that is there."""
    name: ClusterName
    """The cluster's name."""
    project: Project
    """Google Cloud project."""
    location: Location
    """The cluster's region or zone."""
    zones: tuple[Zone, ...] = ()
    """The zones its nodes are in. Omitted: not known; pools use those of the region that have their GPU."""
    mode: Mode = "standard"
    """Whether it is a Standard or an Autopilot cluster. Omitted: standard."""

    @property
    def autopilot(self) -> bool:
        """Whether GKE makes the nodes itself."""
        return self.mode == "autopilot"

    @property
    def context(self) -> None:
        """None: Google's own plugin logs in, by the cluster's name."""
        return

    @property
    def managed_dcgm(self) -> bool:
        """Whether it is known to run Google's DCGM exporter: nobody says of one that is there already."""
        return False


ClusterConfig = Annotated[GkeClusterConfig | GkeExistingConfig | KubeconfigConfig, Field(discriminator="kind")]
"""The three ways to name a cluster, by `kind`."""


def cluster_identifier(
    config: GkeClusterConfig | GkeExistingConfig | KubeconfigConfig, *, environment: str = ""
) -> str:
    """What tells the Kubernetes provider one cluster from another; known before the cluster is.

    It is frozen: when it changes, Pulumi replaces every object of the cluster. So a kubeconfig cluster is known by
    its environment, and its file can move and its context be named or renamed later.

    Args:
        config: the cluster.
        environment: the stack's name; only a kubeconfig cluster needs it.
    """
    if isinstance(config, KubeconfigConfig):
        return f"kubeconfig/{environment}"
    return f"projects/{config.project}/locations/{config.location}/clusters/{config.name}"


def workload_pool(config: GkeClusterConfig | GkeExistingConfig) -> str:
    """The Workload Identity pool of the project."""
    return f"{config.project}.svc.id.goog"


def gke_cluster(
    config: GkeClusterConfig | GkeExistingConfig,
    *,
    name: str | None = None,
    after: tuple[str, ...] = (),
    path: tuple[str | int, ...] = (),
) -> Part:
    """Build a cluster with its system pool; nothing to create for one that exists.

    Args:
        config: its settings.
        name: the component's name; `None` takes the cluster's.
        after: parts that must exist first.
        path: where the settings stand in the stack file.
    """
    name = name or config.name
    outputs: dict[str, Any] = {
        "name": config.name,
        "project": config.project,
        "location": config.location,
        "identifier": cluster_identifier(config),
        "workload_pool": workload_pool(config),
    }
    items: tuple[Item, ...] = ()
    if isinstance(config, GkeClusterConfig):
        items = (_cluster(config, name),) if config.autopilot else (_cluster(config, name), _system_pool(config, name))
        # Read through the system pool, so that whoever takes the name also waits for that pool.
        outputs["name"] = ItemOutput("cluster", "name") if config.autopilot else ItemOutput("system-pool", "cluster")
        outputs["endpoint"] = ItemOutput("cluster", "endpoint")
        outputs["ca_certificate"] = ItemOutput("cluster", "masterAuth.clusterCaCertificate")
    return Part(kind="GkeCluster", name=name, items=items, outputs=outputs, after=after, path=path)


def _system_pool(config: GkeClusterConfig, name: str) -> Item:
    return pool_item(
        "system-pool",
        SYSTEM_POOL,
        config.system_pool.as_pool(),
        pulumi_name=f"{name}-system-pool",
        cluster=config.name,
        project=config.project,
        location=config.location,
        cluster_zones=config.zones,
        after=("cluster",),
    )


def _cluster(config: GkeClusterConfig, name: str) -> Item:
    # For a zonal cluster, nodeLocations are the zones besides its own.
    zones = [zone for zone in config.zones if zone != config.location]
    properties = without_none(
        name=config.name,
        project=config.project,
        location=config.location,
        nodeLocations=zones or None,
        network=config.network,
        subnetwork=config.subnetwork,
        networkingMode="VPC_NATIVE",
        ipAllocationPolicy=without_none(
            clusterSecondaryRangeName=config.pods_range, servicesSecondaryRangeName=config.services_range
        ),
        releaseChannel={"channel": config.release_channel.upper()},
        privateClusterConfig={"enablePrivateNodes": True} if config.private_nodes else None,
        masterAuthorizedNetworksConfig={
            "cidrBlocks": [
                {"cidrBlock": network.cidr, "displayName": network.name} for network in config.authorized_networks
            ]
        }
        if config.authorized_networks
        else None,
        gatewayApiConfig={"channel": "CHANNEL_STANDARD" if config.gateway_api else "CHANNEL_DISABLED"},
        secretManagerConfig={"enabled": True} if config.secret_manager else None,
        costManagementConfig={"enabled": True},
        resourceLabels=dict(config.labels) or None,
        maintenancePolicy=config.maintenance and _maintenance(config.maintenance),
        deletionProtection=config.deletion_protection,
        monitoringConfig=_monitoring(config),
        **({"enableAutopilot": True} if config.autopilot else _standard(config)),
    )
    return Item(
        role="cluster",
        type=CLUSTER,
        name=name,
        properties=properties,
        timeout_seconds=CREATE_TIMEOUT_SECONDS,
        # The first pool is removed at once; the provider then reports the other pools' settings as the cluster's.
        ignore_changes=() if config.autopilot else ("initialNodeCount", "nodeConfig"),
        protect=config.protect,
        outputs=("endpoint", "masterAuth"),
    )


def _standard(config: GkeClusterConfig) -> dict[str, Any]:
    """What Autopilot decides itself; the provider refuses some of it there."""
    return without_none(
        removeDefaultNodePool=True,
        initialNodeCount=1,
        datapathProvider="ADVANCED_DATAPATH" if config.dataplane_v2 else "LEGACY_DATAPATH",
        # Without Dataplane V2 policies are accepted and ignored, unless Calico runs beside kube-proxy
        # (docs.cloud.google.com/kubernetes-engine/docs/how-to/network-policy).
        networkPolicy=None if config.dataplane_v2 else {"enabled": True, "provider": "CALICO"},
        workloadIdentityConfig={"workloadPool": workload_pool(config)},
        addonsConfig=without_none(
            gcePersistentDiskCsiDriverConfig={"enabled": True},
            gcsFuseCsiDriverConfig={"enabled": config.gcs_fuse},
            gcpFilestoreCsiDriverConfig={"enabled": config.filestore},
            networkPolicyConfig=None if config.dataplane_v2 else {"disabled": False},
        ),
        nodePoolDefaults={"nodeConfigDefaults": {"gcfsConfig": {"enabled": True}}} if config.image_streaming else None,
    )


def _monitoring(config: GkeClusterConfig) -> dict[str, Any]:
    return {
        "enableComponents": ["SYSTEM_COMPONENTS", *(["DCGM"] if config.managed_dcgm else [])],
        "managedPrometheus": {"enabled": config.managed_prometheus},
    }


def _maintenance(window: MaintenanceWindow) -> dict[str, Any]:
    start = _WINDOW_EPOCH + timedelta(hours=window.start_hour)
    days = [day for day in ("MO", "TU", "WE", "TH", "FR", "SA", "SU") if day in window.days]
    return {
        "recurringWindow": {
            "startTime": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "endTime": (start + timedelta(hours=window.hours)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "recurrence": f"FREQ=WEEKLY;BYDAY={','.join(days)}",
        }
    }
