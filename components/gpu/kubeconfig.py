"""Clusters by kubeconfig: any cluster by a person's own file, and GKE's by one without a credential in it."""

from __future__ import annotations

from typing import Any, Literal

from ..core.config import Config


class KubeconfigConfig(Config):
    """Any cluster, by kubeconfig: kind, minikube, another cloud."""

    kind: Literal["kubeconfig"]
    """`kubeconfig`: use a cluster of a kubeconfig file."""
    path: str | None = None
    """The file, from the repository's root. Omitted: $KUBECONFIG, then ~/.kube/config, as kubectl does."""
    context: str | None = None
    """Its context. Omitted: the current one; name it, so that nobody deploys to the wrong cluster."""

    @property
    def autopilot(self) -> bool:
        """Never: only GKE has Autopilot."""
        return False

    @property
    def name(self) -> str:
        """Empty: Google's name of a GKE cluster, which this need not be."""
        return ""

    @property
    def project(self) -> str:
        """Empty: it is in no project that we know of."""
        return ""

    @property
    def location(self) -> str:
        """Empty: nothing says where it is."""
        return ""

    @property
    def zones(self) -> tuple[str, ...]:
        """None that are known."""
        return ()

    @property
    def managed_dcgm(self) -> bool:
        """Never: Google's DCGM exporter runs on GKE only."""
        return False


def gke_kubeconfig(endpoint: str, certificate: str, name: str) -> dict[str, Any]:
    """The kubeconfig of a GKE cluster. Google's own plugin logs in wherever it is used.

    Args:
        endpoint: address of the control plane.
        certificate: its certificate authority, base64.
        name: the cluster's name.
    """
    login = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "gke-gcloud-auth-plugin",
        "installHint": "gcloud components install gke-gcloud-auth-plugin",
        "provideClusterInfo": True,
        "interactiveMode": "Never",
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": f"https://{endpoint}", "certificate-authority-data": certificate}}
        ],
        "users": [{"name": name, "user": {"exec": login}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
