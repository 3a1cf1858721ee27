"""Pulumi's entry: read the stack, plan, prove, look at the cluster, register exactly the plan, export."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes
from components.errors import ConfigError
from components.gpu.cluster import GkeExistingConfig, GkeClusterConfig, KubeconfigConfig, cluster_identifier
from components.plan import Plan
from components.resources import Component

from infra.assemble import assemble
from infra.environment import Environment, secret_keys
from infra.preflight import missing
from infra.prove import prove_environment
from infra.validate import environment_of

NAMESPACE = "inference"
PROJECT_ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Deploy the selected stack.

    Raises:
        pulumi.RunError: for everything a person has to fix, in words and without a traceback.
    """
    try:
        values, secret_names = _stack_values()
        environment = environment_of(values)
        plan = assemble(environment, pulumi.get_stack(), secret_names)
    except ConfigError as error:
        raise pulumi.RunError(f"this stack cannot be planned:\n{error}") from None
    _refuse_unproved(environment, plan)
    config = pulumi.Config(NAMESPACE)
    # All secrets before the first registration: one that is missing in the middle leaves half a deployment.
    secrets = {key: config.require_secret(key) for _, key in secret_keys(environment)}
    _register(environment, plan, secrets)
    for name, value in plan.exports.items():
        pulumi.export(name, value)


def _stack_values() -> tuple[dict[str, Any], set[str]]:
    """The stack's `inference:` values as plain data, and the names of its secrets, whose values are not read here."""
    prefix = f"{NAMESPACE}:"
    everything = pulumi.runtime.config.CONFIG.get() or pulumi.runtime.config.get_config_env()
    keys = [key.removeprefix(prefix) for key in everything if key.startswith(prefix)]
    secrets = {key for key in keys if pulumi.runtime.is_config_secret(prefix + key)}
    secrets -= set(Environment.model_fields)
    return {key: _plain(everything[prefix + key]) for key in keys if key not in secrets}, secrets


def _plain(text: Any) -> Any:
    """Pulumi hands mappings and lists over as JSON, and scalars as they are."""
    try:
        return json.loads(text) if isinstance(text, str) and text[:1] in "{[" else text
    except ValueError:
        return text


def _refuse_unproved(environment: Environment, plan: Plan) -> None:
    today = datetime.now(tz=UTC).date()
    verdict = prove_environment(plan.environment, plan, environment.policy.waive, today)
    for finding in verdict.warnings:
        pulumi.log.warn(str(finding))
    if verdict.errors:
        listing = "\n".join(str(finding) for finding in verdict.errors)
        raise pulumi.RunError(f"this stack would not work; `infra check {plan.environment}` says more:\n{listing}")


def _register(environment: Environment, plan: Plan, secrets: Mapping[str, pulumi.Output[str]]) -> None:
    cluster = environment.cluster
    providers: dict[str, pulumi.ProviderResource] = {}
    if not isinstance(cluster, KubeconfigConfig):
        providers["gcp"] = gcp.Provider("gcp", project=cluster.project)
    if isinstance(cluster, GkeExistingConfig):
        found = gcp.container.get_cluster(
            name=cluster.name,
            location=cluster.location,
            project=cluster.project,
            opts=pulumi.InvokeOptions(provider=providers["gcp"]),
        )
        kubeconfig = gke_kubeconfig(found.endpoint, found.master_auths[0].cluster_ca_certificate, cluster.name)
        _look_first(environment, kubeconfig, None)
        providers["kubernetes"] = _kubernetes_provider(json.dumps(kubeconfig), cluster_identifier(cluster), None)
    elif isinstance(cluster, KubeconfigConfig):
        path = kubeconfig_file(cluster.path, os.environ)
        _look_first(environment, path, cluster.context)
        # The path and not the content, so that no credential enters the state.
        providers["kubernetes"] = _kubernetes_provider(str(path), cluster_identifier(cluster), cluster.context)
    components: dict[str, Component] = {}
    for part in plan.parts:
        if isinstance(cluster, GkeClusterConfig) and components and "kubernetes" not in providers:
            made = next(iter(components.values()))
            content = pulumi.Output.all(made.output("endpoint"), made.output("ca_certificate")).apply(
                lambda known: json.dumps(gke_kubeconfig(known[0], known[1], cluster.name))
            )
            providers["kubernetes"] = _kubernetes_provider(content, cluster_identifier(cluster), None)
        components[part.key] = Component(
            part,
            values=secrets,
            opts=pulumi.ResourceOptions(
                providers=list(providers.values()), depends_on=[components[key] for key in part.after]
            ),
        )


def _look_first(environment: Environment, kubeconfig: Path | Mapping[str, Any], context: str | None) -> None:
    """Refuse to go on without what the plan relies on; a preview only warns, for it may run without access."""
    lines = list(missing(environment, kubeconfig, context))
    if lines and pulumi.runtime.is_dry_run():
        for line in lines:
            pulumi.log.warn(line)
    elif lines:
        raise pulumi.RunError("nothing was changed, because something this stack relies on is not there:\n" + "\n".join(lines))


def _kubernetes_provider(
    kubeconfig: pulumi.Input[str], identifier: str, context: str | None
) -> kubernetes.Provider:
    """The provider of the environment's cluster.

    Its identifier is known at preview and never changes: a change of it, or an unknown kubeconfig without it, would
    replace every object (pulumi/pulumi-kubernetes#1148). Mutable ConfigMaps and Secrets are updated in place rather
    than deleted first; the pods that read them carry a checksum or version.
    """
    return kubernetes.Provider(
        "kubernetes",
        kubeconfig=kubeconfig,
        context=context,
        cluster_identifier=identifier,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )


def kubeconfig_file(path: str | None, variables: Mapping[str, str]) -> Path:
    """The kubeconfig file, found as kubectl finds it; relative ones are meant from the repository's root.

    Pulumi runs this program in infra/, where a relative path would lead elsewhere.
    """
    first = variables.get("KUBECONFIG", "").split(os.pathsep)[0]
    return (PROJECT_ROOT / Path(path or first or "~/.kube/config").expanduser()).resolve()


def gke_kubeconfig(endpoint: str, certificate: str, name: str) -> dict[str, Any]:
    """How kubectl reaches a GKE cluster, with Google's own login plugin (gke-gcloud-auth-plugin)."""
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
            {
                "name": name,
                "cluster": {"server": f"https://{endpoint}", "certificate-authority-data": certificate},
            }
        ],
        "users": [{"name": name, "user": {"exec": login}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


if __name__ == "__main__":
    main()
