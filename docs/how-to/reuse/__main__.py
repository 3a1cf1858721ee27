"""One gated model on a GKE cluster of its own: a whole Pulumi program on top of four components."""

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes
from inference_components import (
    GkeCluster,
    GkeClusterConfig,
    GpuNodePool,
    GpuNodePoolConfig,
    ModelServer,
    ModelServerConfig,
    Namespace,
    Nodes,
    TgiEngine,
)

config = pulumi.Config()
project = config.require("project")
hf_token = config.require_secret("hf_token")  # before anything is registered: a missing one leaves nothing half done
google = gcp.Provider("google", project=project)

cluster = GkeCluster(
    "demo",
    GkeClusterConfig(name="demo", project=project, location="us-central1", zones=("us-central1-a", "us-central1-c")),
    opts=pulumi.ResourceOptions(providers=[google]),
)
pool = GpuNodePool(
    "l4",
    GpuNodePoolConfig(accelerator="nvidia-l4", machine_type="g2-standard-12", nodes=Nodes(max=2)),
    cluster=cluster,
    opts=pulumi.ResourceOptions(providers=[google]),
)
inside = kubernetes.Provider(
    "demo",
    kubeconfig=cluster.kubeconfig,
    # Known at preview and never changed: without it a new endpoint would replace every object.
    cluster_identifier=cluster.identifier,
    enable_config_map_mutable=True,
    enable_secret_mutable=True,
)
namespace = Namespace("inference", opts=pulumi.ResourceOptions(providers=[inside]))
llama = ModelServer(
    "llama",
    ModelServerConfig(
        model="meta-llama/Llama-3.1-8B-Instruct",
        revision="0e9e39f249a16976918f6564b8830bc894c89659",
        engine=TgiEngine(version="3.3.6", max_total_tokens=4096),
        namespace="inference",
    ),
    runs_on=[pool],
    hf_token=hf_token,
    opts=pulumi.ResourceOptions(providers=[inside], depends_on=[namespace]),
)

pulumi.export("url", llama.url)
