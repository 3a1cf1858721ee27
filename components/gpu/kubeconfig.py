"""How to reach a GKE cluster: a kubeconfig without a credential in it."""

from __future__ import annotations

from typing import Any


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
