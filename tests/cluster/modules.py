"""The Go modules that these tests build: a Kubernetes control plane, the Pulumi CLI, and its Kubernetes provider."""

from __future__ import annotations

from collections.abc import Mapping

from .binaries import GoModule
from .place import HERE

_KWOK = "sigs.k8s.io/kwok"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"


def _control_plane_values(versions: Mapping[str, str]) -> dict[str, str]:
    """Versions, which the modules leave to the linker: clients cannot parse what an unversioned API server says."""
    version = versions["k8s.io/kubernetes"]
    major, minor = version.removeprefix("v").split(".")[:2]
    where = "k8s.io/component-base/version"
    return {
        f"{where}.gitVersion": version,
        f"{where}.gitMajor": major,
        f"{where}.gitMinor": minor,
        f"{where}.gitTreeState": "clean",
        f"{_KWOK}/pkg/consts.Version": versions[_KWOK],
    }


def _cli_values(versions: Mapping[str, str]) -> dict[str, str]:
    """Its version, which Pulumi.yaml asks for: without one it takes itself for a development build."""
    return {"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": versions["github.com/pulumi/pulumi/pkg/v3"]}


def _provider_values(versions: Mapping[str, str]) -> dict[str, str]:
    return {"main.version": versions[_PROVIDER].removeprefix("v")}


CONTROL_PLANE = GoModule(
    folder=HERE / "control-plane",
    title="control plane",
    renamed={"server": "etcd"},  # Go names a program after its package, and etcd's is go.etcd.io/etcd/server/v3
    values=_control_plane_values,
    # KWOK's own description of what kubelets do.
    files={
        "stages/node-initialize.yaml": (_KWOK, "kustomize/stage/node/fast/node-initialize.yaml"),
        "stages/node-heartbeat.yaml": (
            _KWOK,
            "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
        ),
        "stages/pod-ready.yaml": (_KWOK, "kustomize/stage/pod/fast/pod-ready.yaml"),
        "stages/pod-complete.yaml": (_KWOK, "kustomize/stage/pod/fast/pod-complete.yaml"),
        "stages/pod-delete.yaml": (_KWOK, "kustomize/stage/pod/fast/pod-delete.yaml"),
    },
)
PULUMI_CLI = GoModule(folder=HERE / "pulumi" / "cli", title="Pulumi CLI", values=_cli_values)
KUBERNETES_PROVIDER = GoModule(
    folder=HERE / "pulumi" / "provider",
    title="Kubernetes provider",
    packages=".",
    values=_provider_values,
    files={"schema.json": (_PROVIDER, "cmd/pulumi-resource-kubernetes/schema.json")},
)
