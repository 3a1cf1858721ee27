"""What `pulumi up` looks at before it registers anything: the things the plan relies on and does not make.

Without it a missing CRD fails `up` after a minute with half the objects created, and a preview says nothing (seen
with Pulumi 3.272 and the Kubernetes provider 4.34.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.addons.addons import required_crds
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from .environment import Environment

_SECONDS = 10
"""Longest wait for one answer: an API server that needs more will not carry a deployment either."""
_NOT_FOUND = 404


def missing(environment: Environment, kubeconfig: Path | Mapping[str, Any], context: str | None) -> Iterator[str]:
    """What is not there, a line each; nothing when all is well.

    Args:
        environment: the stack.
        kubeconfig: how to reach the cluster: a file, or its content.
        context: context of the kubeconfig; its current one when omitted.
    """
    try:
        api = _client(kubeconfig, context)
        client.VersionApi(api).get_code(_request_timeout=_SECONDS)
    except (ConfigException, OSError, ValueError) as error:
        yield f"cluster: the kubeconfig cannot be used: {_first_line(error)}"
        return
    except (ApiException, HTTPError) as error:
        yield f"cluster: it does not answer: {_first_line(error)}; is it running, and is the VPN or proxy on?"
        return
    crds = client.ApiextensionsV1Api(api)
    for addon, names in required_crds(environment.addons).items():
        absent = [name for name in names if not _exists(crds, name)]
        if absent:
            fix = "install it, or set the add-on to install or absent"
            yield f"addons.{addon}: marked present, but the cluster has no {', '.join(absent)}; {fix}"


def _client(kubeconfig: Path | Mapping[str, Any], context: str | None) -> client.ApiClient:
    if isinstance(kubeconfig, Path):
        return config.new_client_from_config(str(kubeconfig), context=context)
    return config.new_client_from_config_dict(dict(kubeconfig), context=context)


def _exists(crds: client.ApiextensionsV1Api, name: str) -> bool:
    try:
        crds.read_custom_resource_definition(name, _preload_content=False, _request_timeout=_SECONDS)
    except ApiException as error:
        # Whoever may not read CRDs is not told that they are missing.
        return error.status != _NOT_FOUND
    return True


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
