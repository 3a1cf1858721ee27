"""What `pulumi up` looks at before it registers anything: the things the plan relies on and does not make.

Without it a missing CRD fails `up` after a minute with half the objects created, and a preview says nothing (seen
with Pulumi 3.272 and the Kubernetes provider 4.34.2).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from components.addons.addons import required_crds
from components.catalog.charts import crds_of

from .plan.environment import Environment

SECONDS = 10
"""Longest wait for one answer: an API server that needs more will not carry a deployment either."""
_NOT_FOUND = 404
_NO_ACCESS = (401, 403)


def missing(environment: Environment, kubeconfig: Path | Mapping[str, Any], context: str | None) -> Iterator[str]:
    """What is not there, a line each; nothing when all is well.

    Args:
        environment: the stack, whose cluster exists already.
        kubeconfig: how to reach the cluster: a file, or what `gke_kubeconfig` made.
        context: context of the kubeconfig; its current one when omitted.
    """
    try:
        settings = _settings(kubeconfig, context)
    except FileNotFoundError as error:
        yield f"cluster: {error}; start the cluster, name its file in cluster.path, or set KUBECONFIG"
        return
    except (ConfigException, OSError, ValueError, yaml.YAMLError) as error:
        yield f"cluster: the kubeconfig cannot be used: {_line(str(error))}"
        return
    except (TypeError, AttributeError, KeyError):  # the parser indexes whatever it finds
        yield f"cluster: {kubeconfig} is no kubeconfig; name another file in cluster.path, or set KUBECONFIG"
        return
    with client.ApiClient(settings) as api:
        try:
            _get(api, "/version")
            yield from _missing_crds(api, environment)
        except ApiException as error:
            yield f"cluster: {settings.host} {_refusal(error)}"
        except HTTPError as error:
            yield f"cluster: {settings.host} does not answer: {_line(str(error))}; is it up, and the VPN on?"


def _settings(kubeconfig: Path | Mapping[str, Any], context: str | None) -> client.Configuration:
    settings = client.Configuration()
    # Three retries, the default, would wait four times for a server that does not answer.
    settings.retries = False
    if isinstance(kubeconfig, Path):
        if not kubeconfig.is_file():
            raise FileNotFoundError(f"there is no kubeconfig {kubeconfig}")
        load: Any = config.load_kube_config  # untyped, like the other one
        load(str(kubeconfig), context, client_configuration=settings, persist_config=False)
    else:
        login = kubeconfig["users"][0]["user"]["exec"]
        if shutil.which(login["command"]) is None:
            raise ConfigException(f"{login['command']} is not installed; run `{login['installHint']}`")
        load = config.load_kube_config_from_dict
        load(dict(kubeconfig), context, client_configuration=settings, persist_config=False)
        # A plugin that fails is logged, and the client goes on as nobody.
        if not settings.api_key:
            raise ConfigException(f"{login['command']} cannot log in; run `gcloud auth login`")
    if not settings.host.startswith(("https://", "http://")):
        raise ConfigException("its cluster has no server address")
    return settings


def _missing_crds(api: client.ApiClient, environment: Environment) -> Iterator[str]:
    for addon, names in required_crds(environment.addons).items():
        if absent := _absent(api, names):
            fix = f"install it, or set addons.{addon} to install or absent"
            yield f"addons.{addon}: marked present, but the cluster has no {absent}; {fix}"
    if environment.prometheus.kind == "managed" and (absent := _absent(api, crds_of("managed_prometheus"))):
        fix = "turn on managed collection (gcloud container clusters update --enable-managed-prometheus)"
        yield f"observability.prometheus: is managed, but the cluster has no {absent}; {fix}, or choose another kind"


def _absent(api: client.ApiClient, crds: tuple[str, ...]) -> str:
    return ", ".join(name for name in crds if not _exists(api, name))


def _exists(api: client.ApiClient, crd: str) -> bool:
    try:
        _get(api, f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd}")
    except ApiException as error:
        # Whoever may not read CRDs cannot be told that they are missing.
        if error.status not in (_NOT_FOUND, *_NO_ACCESS):
            raise
        return bool(error.status != _NOT_FOUND)
    return True


def _get(api: client.ApiClient, path: str) -> None:
    """Ask, and leave the answer unread: a CRD can have a megabyte.

    Raises:
        ApiException: for any answer but success.
        HTTPError: when there is none.
    """
    request = api.param_serialize("GET", path, auth_settings=["BearerToken"])
    answer = api.call_api(*request, _request_timeout=SECONDS)
    answer.response.close()
    if not 200 <= answer.status <= 299:  # noqa: PLR2004 - HTTP's range of success
        raise ApiException(status=answer.status, reason=answer.reason)


def _refusal(error: ApiException) -> str:
    if error.status in _NO_ACCESS:
        return f"refuses these credentials ({error.status} {error.reason}); log in again, or use another context"
    if not error.status:  # how the client reports a failed TLS handshake
        return f"cannot be trusted: {_line(error.reason)}; compare the kubeconfig's address and certificate"
    return f"answers {error.status} {error.reason}; is this address an API server?"


def _line(text: str) -> str:
    """An error's text on one line, and short."""
    return " ".join(text.split())[:200] or "no reason given"
