"""Pulumi's entry: read the stack, plan it, prove it, look at the cluster, register exactly the plan, export."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes

from components.classes.component import Component
from components.core.errors import ConfigError, InferenceError, Problem
from components.core.plan import Plan
from components.gpu.cluster import GkeClusterConfig, GkeExistingConfig, cluster_identifier
from components.gpu.kubeconfig import KubeconfigConfig, gke_kubeconfig
from infra.plan.environment import Environment
from infra.plan.kubeconfig import kubeconfig_file
from infra.plan.planning import planned
from infra.plan.references import secret_keys
from infra.preflight import missing
from infra.prove.prove import prove_environment
from infra.terminal.today import utc_day

NAMESPACE = "inference"


def main() -> None:
    """Deploy the selected stack.

    Raises:
        pulumi.RunError: for everything a person has to fix, in words and without a traceback. Nothing of the plan
            is registered then.
    """
    name = pulumi.get_stack()
    try:
        values, secret_names = _stack_values()
        environment, plan = planned(values, name, secret_names)
        _refuse_unproved(environment, plan)
        # All secrets before the first registration: one that is missing in the middle leaves half a deployment.
        config = pulumi.Config(NAMESPACE)
        secrets = {key: config.require_secret(key) for _, key in secret_keys(environment)}
        _register(environment, plan, secrets)
    except InferenceError as error:
        raise pulumi.RunError(f"stack {name} cannot be deployed as it is written:\n{error}") from None
    for key, value in plan.exports.items():
        pulumi.export(key, value)


def _stack_values() -> tuple[dict[str, Any], set[str]]:
    """The stack's `inference:` values as plain data, and the names of its secrets, whose values are not read here."""
    prefix = f"{NAMESPACE}:"
    # pulumi.Config cannot list keys, and one that nobody asks for would be a section silently left out.
    everything = pulumi.runtime.config.CONFIG.get() or pulumi.runtime.get_config_env()
    keys = [key.removeprefix(prefix) for key in sorted(everything) if key.startswith(prefix)]
    secrets = {key for key in keys if pulumi.runtime.is_config_secret(prefix + key)}
    if sealed := sorted(secrets & Environment.model_fields.keys()):
        message = (
            "holds an encrypted value, and a section must be readable to be proved; give each secret a top-level key "
            f"of its own (pulumi config set --secret {prefix}<name>)"
        )
        raise ConfigError(Problem((key,), message) for key in sealed)
    return {key: _plain(everything[prefix + key]) for key in keys if key not in secrets}, secrets


def _plain(value: Any) -> Any:
    """Pulumi hands mappings and lists over as JSON, and scalars as text."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _refuse_unproved(environment: Environment, plan: Plan) -> None:
    today = utc_day()
    verdict = prove_environment(plan.environment, plan, environment.policy.waive, today)
    for finding in verdict.warnings:
        pulumi.log.warn(str(finding))
    if verdict.errors:
        listing = "\n".join(str(finding) for finding in verdict.errors)
        raise pulumi.RunError(
            f"stack {plan.environment} would not work; `infra check {plan.environment}` says how to fix it:\n{listing}"
        )


def _register(environment: Environment, plan: Plan, secrets: Mapping[str, pulumi.Output[str]]) -> None:
    cluster = environment.cluster
    providers: list[pulumi.ProviderResource] = []
    match cluster:
        case KubeconfigConfig():
            path = kubeconfig_file(cluster.path, os.environ)
            _look_first(environment, path, cluster.context)
            # The path and not the content, so that no credential enters the state.
            providers.append(_kubernetes_provider(str(path), cluster, plan.environment))
        case GkeExistingConfig():
            google = gcp.Provider("gcp", project=cluster.project)
            kubeconfig = _existing_kubeconfig(cluster, google)
            _look_first(environment, kubeconfig, None)
            providers += [google, _kubernetes_provider(json.dumps(kubeconfig), cluster, plan.environment)]
        case GkeClusterConfig():
            providers.append(gcp.Provider("gcp", project=cluster.project))
    made: dict[str, Component] = {}
    for part in plan.parts:
        opts = pulumi.ResourceOptions(providers=list(providers), depends_on=[made[key] for key in part.after])
        component = made[part.key] = Component(part, values=secrets, opts=opts)
        if isinstance(cluster, GkeClusterConfig) and part.kind == "GkeCluster":
            providers.append(_kubernetes_provider(_new_kubeconfig(cluster, component), cluster, plan.environment))


def _look_first(environment: Environment, kubeconfig: Path | Mapping[str, Any], context: str | None) -> None:
    """Refuse to go on without what the plan relies on; a preview only warns, for it may run without access."""
    lines = list(missing(environment, kubeconfig, context))
    if lines and not pulumi.runtime.is_dry_run():
        listing = "\n".join(lines)
        raise pulumi.RunError(f"nothing was changed, because something this stack relies on is not there:\n{listing}")
    for line in lines:
        pulumi.log.warn(line)


def _existing_kubeconfig(cluster: GkeExistingConfig, google: gcp.Provider) -> dict[str, Any]:
    """The kubeconfig of a cluster that somebody else runs, as Google describes it now."""
    where = f"cluster: {cluster.name} in {cluster.location} of project {cluster.project}"
    try:
        found = gcp.container.get_cluster(
            name=cluster.name,
            location=cluster.location,
            project=cluster.project,
            opts=pulumi.InvokeOptions(provider=google),
        )
    except Exception as error:  # noqa: BLE001 - the SDK raises nothing more specific
        fix = "is it there, and are you logged in (gcloud auth application-default login)?"
        raise pulumi.RunError(f"{where} cannot be read; {fix} {error}") from None
    if not (found.endpoint and found.master_auths):
        raise pulumi.RunError(f"{where} has no control plane; is it still being made, or was it deleted?")
    return gke_kubeconfig(found.endpoint, found.master_auths[0].cluster_ca_certificate, cluster.name)


def _new_kubeconfig(cluster: GkeClusterConfig, component: Component) -> pulumi.Output[str]:
    """The kubeconfig of a cluster this stack makes; not known before it is there."""
    parts = pulumi.Output.all(component.output("endpoint"), component.output("ca_certificate"))
    return parts.apply(lambda known: json.dumps(gke_kubeconfig(known[0], known[1], cluster.name)))


def _kubernetes_provider(
    kubeconfig: pulumi.Input[str],
    cluster: GkeClusterConfig | GkeExistingConfig | KubeconfigConfig,
    environment: str,
) -> kubernetes.Provider:
    """The provider of the environment's cluster.

    Its identifier is known at preview and never changes: a change of it, or an unknown kubeconfig without it, would
    replace every object (pulumi/pulumi-kubernetes#1148). Mutable ConfigMaps and Secrets are updated in place rather
    than deleted first; the pods that read them carry a checksum or version.
    """
    return kubernetes.Provider(
        "kubernetes",
        kubeconfig=kubeconfig,
        context=cluster.context,
        cluster_identifier=cluster_identifier(cluster, environment=environment),
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )


if __name__ == "__main__":
    main()
