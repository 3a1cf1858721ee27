"""Every state of a Service's endpoints, in the order they were written: nothing happens between two looks."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from .api import Api, until

_SECONDS = 600


class EndpointWatch:
    """Follows the EndpointSlices of one Service for as long as it is open.

    Attributes:
        states: the names of the pods that were ready endpoints, once for the beginning and once for each write.
    """

    def __init__(self, api: Api, namespace: str, service: str) -> None:
        self._api = api
        self._path = api.path("discovery.k8s.io/v1", "EndpointSlice", namespace)
        self._query = {"labelSelector": f"kubernetes.io/service-name={service}"}
        self._slices: dict[str, dict[str, Any]] = {}
        self._failure: Exception | None = None
        self.states: list[frozenset[str]] = []

    def __enter__(self) -> Self:
        first = self._api.request("GET", self._path, query=self._query).object
        self._slices = {entry["metadata"]["name"]: entry for entry in first["items"]}
        self._note()
        version = first["metadata"]["resourceVersion"]
        threading.Thread(target=self._follow, args=(version,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            until("the watch to catch up", self._is_current, 30)

    @property
    def fewest(self) -> int:
        """The fewest ready endpoints there were at any moment."""
        return min(map(len, self.states))

    def _is_current(self) -> bool:
        if self._failure:
            raise AssertionError("the watch ended") from self._failure
        now = self._api.request("GET", self._path, query=self._query).object["items"]
        return {_version(entry) for entry in now} == {_version(entry) for entry in list(self._slices.values())}

    def _follow(self, version: str) -> None:
        try:
            for event in self._api.watch(self._path, _SECONDS, resourceVersion=version, **self._query):
                entry = event["object"]
                assert event["type"] != "ERROR", entry
                self._slices = {**self._slices, entry["metadata"]["name"]: entry}
                if event["type"] == "DELETED":
                    del self._slices[entry["metadata"]["name"]]
                self._note()
        except Exception as failure:  # noqa: BLE001 - of a thread: told when the watch is closed
            self._failure = failure

    def _note(self) -> None:
        self.states.append(
            frozenset(
                endpoint["targetRef"]["name"]
                for entry in self._slices.values()
                for endpoint in entry.get("endpoints") or ()
                if endpoint["conditions"].get("ready")
            )
        )


def _version(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["metadata"]["name"], entry["metadata"]["resourceVersion"]
