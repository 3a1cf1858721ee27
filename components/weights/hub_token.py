"""The Hugging Face token, from wherever the team keeps secrets. The token itself never enters a config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from ..core.config import Config, DnsName, SecretKey, patterned
from ..core.manifest import metadata, object_item
from ..core.plan import Item, SecretRef

_VOLUME = "hub-token"
_RESOURCE = r"^projects/[\w:.-]+/secrets/[\w-]+$"
SecretKeyName = Annotated[str, patterned(r"^[-._a-zA-Z0-9]+$", "a key of a Secret", max_length=253)]
SecretVersion = Annotated[str, patterned(r"^[\w.-]{1,63}$", "letters, digits, dots and dashes, in quotes")]


class _Source(Config):
    version: SecretVersion = "1"
    """Any text; change it when the token changes and the pods restart to read it. Omitted: "1"."""


class ExistingSecret(_Source):
    """A Kubernetes Secret that is there already, in the model server's namespace."""

    kind: Literal["secret"] = "secret"
    """Where the token comes from."""
    name: DnsName = "hf-token"
    """The Secret's name. Omitted: hf-token."""
    key: SecretKeyName = "token"
    """The key in it. Omitted: token."""


class _Made(_Source):
    secret_name: DnsName | None = None
    """Name of the Kubernetes Secret that is made. Omitted: the model server's, followed by -hf-token."""


class PulumiSecret(_Made):
    """A secret of the stack's configuration (`pulumi config set --secret hf_token`), kept as a Kubernetes Secret."""

    kind: Literal["pulumi"]
    """Where the token comes from."""
    secret: SecretKey = "hf_token"
    """The secret's key in the stack file. Omitted: hf_token."""


class ExternalSecret(_Made):
    """A secret store that the External Secrets operator copies into a Kubernetes Secret."""

    kind: Literal["external-secret"]
    """Where the token comes from."""
    store: DnsName
    """The SecretStore or ClusterSecretStore to read."""
    store_kind: Literal["ClusterSecretStore", "SecretStore"] = "ClusterSecretStore"
    """Its kind. Omitted: ClusterSecretStore."""
    remote_key: Annotated[str, Field(min_length=1, max_length=253)]
    """The secret's name in the store."""
    refresh_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] = 60
    """Minutes between looks at the store. Omitted: 60."""


class SecretManager(_Made):
    """Google Secret Manager, through the Secrets Store CSI driver, which also keeps a Kubernetes Secret in step."""

    kind: Literal["secret-manager"]
    """Where the token comes from."""
    secret: Annotated[str, patterned(_RESOURCE, "projects/PROJECT/secrets/NAME")]
    """The secret's resource name."""
    secret_version: Annotated[str, patterned(r"^(latest|[1-9]\d*)$", "latest or a number in quotes")] = "latest"
    """Its version in Secret Manager. Omitted: the latest at the pod's start."""


TokenConfig = Annotated[ExistingSecret | PulumiSecret | ExternalSecret | SecretManager, Field(discriminator="kind")]
"""One source of the token."""


@dataclass(frozen=True, slots=True)
class TokenParts:
    """What a token source adds to the model server.

    Attributes:
        secret: name of the Kubernetes Secret that ends up holding the token.
        key: the key in it.
        items: objects that bring the Secret about.
        volumes: pod volumes; the CSI driver makes the Secret only while a pod mounts its volume.
        mounts: container mounts.
        needs: add-ons the source relies on.
    """

    secret: str
    key: str
    items: tuple[Item, ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    mounts: tuple[dict[str, Any], ...] = ()
    needs: tuple[str, ...] = field(default=())

    def variable(self, name: str) -> dict[str, Any]:
        """The container's environment variable."""
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": self.secret, "key": self.key}}}


def token_parts(server: str, namespace: str, source: TokenConfig) -> TokenParts:
    """The objects, volumes and names for a token source."""
    if isinstance(source, ExistingSecret):
        return TokenParts(source.name, source.key)
    name, key = source.secret_name or f"{server}-hf-token", "token"
    about = metadata(name, namespace, {"app": server})
    match source:
        case PulumiSecret():
            manifest = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": about,
                "type": "Opaque",
                "stringData": {key: SecretRef(source.secret)},
            }
            return TokenParts(name, key, (object_item("hf-token", server, manifest),))
        case ExternalSecret():
            manifest = {
                "apiVersion": "external-secrets.io/v1",
                "kind": "ExternalSecret",
                "metadata": about,
                "spec": {
                    "refreshInterval": f"{source.refresh_minutes}m",
                    "secretStoreRef": {"name": source.store, "kind": source.store_kind},
                    "target": {"name": name, "creationPolicy": "Owner"},
                    "data": [{"secretKey": key, "remoteRef": {"key": source.remote_key}}],
                },
            }
            return TokenParts(name, key, (object_item("hf-token", server, manifest),), needs=("external_secrets",))
        case SecretManager():
            resource = f"{source.secret}/versions/{source.secret_version}"
            manifest = {
                "apiVersion": "secrets-store.csi.x-k8s.io/v1",
                "kind": "SecretProviderClass",
                "metadata": about,
                "spec": {
                    "provider": "gcp",
                    "parameters": {"secrets": f'- resourceName: "{resource}"\n  path: "{key}"\n'},
                    "secretObjects": [
                        {"secretName": name, "type": "Opaque", "data": [{"objectName": key, "key": key}]},
                    ],
                },
            }
            csi = {"driver": "secrets-store.csi.k8s.io", "readOnly": True}
            return TokenParts(
                name,
                key,
                (object_item("hf-token", server, manifest),),
                ({"name": _VOLUME, "csi": {**csi, "volumeAttributes": {"secretProviderClass": name}}},),
                ({"name": _VOLUME, "mountPath": "/var/run/secrets/hub-token", "readOnly": True},),
                ("secrets_store_csi",),
            )
