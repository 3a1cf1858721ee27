"""A client of the API server that says what it said: every refusal in its words, every warning kept."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import urllib3

T = TypeVar("T")
Manifest = Mapping[str, Any]

FIELD_MANAGER = "inference"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_OK = 299
NOT_FOUND = 404
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class ApiError(AssertionError):
    """The API server refused: its status and its own words."""

    def __init__(self, status: int, message: str, about: str) -> None:
        super().__init__(f"{about}: {status} {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server made of a request, and what it warned about."""

    object: dict[str, Any]
    warnings: tuple[str, ...] = ()


class Api:
    """One API server. Usable from several threads at once."""

    def __init__(self, server: str, certificate: Path, token: str) -> None:
        self.server = server
        self.certificate = certificate
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": "inference-e2e"}
        self._pool = urllib3.PoolManager(maxsize=16, ca_certs=str(certificate), retries=False, timeout=60)
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}
        self._listed: set[str] = set()

    def request(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        *,
        content: str = "application/json",
        accept: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call; `path` starts at the server's root.

        Raises:
            ApiError: on any answer but success.
        """
        response = self._pool.request(
            method,
            self._url(path, query or {}),
            body=json.dumps(body, ensure_ascii=False).encode() if body is not None else None,
            headers={**self._headers, "Content-Type": content, "Accept": accept},
        )
        text = response.data.decode()
        if response.status > _OK:
            try:
                text = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                text = text[:1000]
            if "storage is (re)initializing" in text:  # of a custom kind that is a moment old
                time.sleep(0.2)
                return self.request(method, path, body, content=content, accept=accept, query=query)
            raise ApiError(response.status, text, f"{method} {path}")
        warnings = tuple(
            found[1].replace('\\"', '"')
            for header in response.headers.getlist("Warning")
            for found in _WARNING.finditer(header)
        )
        return Answer(json.loads(text) if text.startswith("{") else {"text": text}, warnings)

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        return f"{self.server}{path}?{urlencode(query)}" if query else self.server + path

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the server knows a kind; asks again when it did not a moment ago."""
        if (api_version, kind) not in self._kinds:
            self._discover()
        return (api_version, kind) in self._kinds

    def namespaced(self) -> list[tuple[str, str]]:
        """Every kind that lives in namespaces and can be listed, with its API version."""
        self._discover()
        return sorted(key for key, (plural, namespaced) in self._kinds.items() if namespaced and plural in self._listed)

    def listed(self) -> list[tuple[str, str]]:
        """Every kind that can be listed, in namespaces or without, with its API version."""
        self._discover()
        return sorted(key for key, (plural, _) in self._kinds.items() if plural in self._listed)

    def _discover(self) -> None:
        for root in ("/api", "/apis"):
            for group in self.request("GET", root, accept=_DISCOVERY).object["items"]:
                name = group["metadata"].get("name")
                for version in group["versions"]:
                    api_version = f"{name}/{version['version']}" if name else version["version"]
                    for resource in version["resources"]:
                        key = (api_version, resource["responseKind"]["kind"])
                        self._kinds[key] = (resource["resource"], resource["scope"] == "Namespaced")
                        if "list" in resource["verbs"]:
                            self._listed.add(resource["resource"])

    def path(self, api_version: str, kind: str, namespace: str = "", name: str = "") -> str:
        """Where an object, or all objects of a kind, are served; without a namespace, those of all."""
        if not self.serves(api_version, kind):
            raise LookupError(f"the API server serves no {kind} of {api_version}")
        plural, namespaced = self._kinds[api_version, kind]
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if namespaced and (namespace or name):
            root += f"/namespaces/{namespace or 'default'}"
        return f"{root}/{plural}/{name}" if name else f"{root}/{plural}"

    def path_of(self, manifest: Manifest) -> str:
        """Where the object of a manifest is served."""
        metadata = manifest["metadata"]
        return self.path(manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"])

    def apply(self, manifest: Manifest, *, dry_run: bool = False, force: bool = False) -> Answer:
        """Server-side apply with strict field validation, as `kubectl apply --server-side --validate=strict` does."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        query |= {"dryRun": "All"} if dry_run else {}
        query |= {"force": "true"} if force else {}
        return self.request("PATCH", self.path_of(manifest), manifest, content=_APPLY, query=query)

    def patch(self, manifest: Manifest, change: Manifest, *, subresource: str = "", **query: str) -> Answer:
        """Merge a change into an object."""
        path = self.path_of(manifest) + (f"/{subresource}" if subresource else "")
        return self.request("PATCH", path, change, content=_MERGE, query=query)

    def create(self, manifest: Manifest) -> Answer:
        """Create an object; one that is there already is an error."""
        path = self.path_of(manifest).rpartition("/")[0]
        return self.request("POST", path, manifest, query={"fieldValidation": "Strict"})

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """One object."""
        return self.request("GET", self.path(api_version, kind, namespace, name)).object

    def find(self, manifest: Manifest) -> dict[str, Any] | None:
        """The object of a manifest, or `None` when it is not there."""
        try:
            return self.request("GET", self.path_of(manifest)).object
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str = "", **query: str) -> list[dict[str, Any]]:
        """Objects of a kind, in one namespace or in all."""
        items = self.request("GET", self.path(api_version, kind, namespace), query=query).object["items"]
        # The items of a list do not say what they are.
        return [{"apiVersion": api_version, "kind": kind, **item} for item in items]

    def delete(self, manifest: Manifest, **options: Any) -> None:
        """Delete an object, if it is there."""
        try:
            self.request("DELETE", self.path_of(manifest), options or None)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise

    def delete_all(self, api_version: str, kind: str, namespace: str = "", **options: Any) -> None:
        """Delete every object of a kind in a namespace, or of a kind without namespaces."""
        self.request("DELETE", self.path(api_version, kind, namespace), options or None)

    def watch(self, path: str, seconds: int, **query: str) -> Iterator[dict[str, Any]]:
        """The events of a list from now on, or from a `resourceVersion`; ends after `seconds`."""
        query |= {"watch": "true", "timeoutSeconds": str(seconds)}
        response = self._pool.request(
            "GET", self._url(path, query), headers=self._headers, preload_content=False, timeout=seconds + 10
        )
        rest = b""
        for chunk in response.stream(4096):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield json.loads(line)


def until(what: str, found: Callable[[], T | None], seconds: float = 60, seen: Callable[[], object] = str) -> T:
    """Wait for something to be there, and say what it was when it does not come.

    Args:
        what: what is waited for, for the failure.
        found: returns it, or nothing (also an empty list) while it is not there.
        seconds: how long to wait at most.
        seen: what is there instead, for the failure.
    """
    limit = time.monotonic() + seconds
    pause = 0.02
    while not (value := found()):
        assert time.monotonic() < limit, f"after {seconds:g} s still no {what}; {seen()}"
        time.sleep(pause)
        pause = min(pause * 1.3, 0.3)
    return value
