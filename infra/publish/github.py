"""GitHub's side: which pull request a run belongs to, its artifacts, comments, annotations, and issues."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import bundle
from .board import Note
from .rest import RefusedError, Rest

BOT = "github-actions[bot]"
"""The account behind a job's own token. Square brackets cannot be in a person's name."""
ARTIFACT = "preview"
"""The artifact with the report."""
DEPLOYED = "deployed-"
"""Begins the name of an artifact with an environment's preview against its state."""
_DEPLOYED = re.compile(DEPLOYED + r"[A-Za-z0-9_.-]{1,100}")
_MOST_ARTIFACTS = 20
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_PAGE = "per_page=100"


def server(base: str, token: str) -> Rest:
    """GitHub's interface."""
    return Rest(base, {**_HEADERS, "Authorization": f"Bearer {token}", "User-Agent": "inference-publish"})


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run of the preview, as GitHub itself describes it in the event.

    Attributes:
        repository: ours, `owner/name`.
        id: the run's.
        commit: what it ran, the head of a pull request when it started.
        head_repository: where that commit is from; a fork's id differs from ours.
        address: of the run, for people.
    """

    repository: str
    id: int
    commit: str
    head_repository: int
    address: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Run:
        """The run that a `workflow_run` event is about.

        Raises:
            RefusedError: when the event is another one.
        """
        try:
            run, repository = event["workflow_run"], event["repository"]
            if run["event"] != "pull_request":
                raise RefusedError(0, f"the run was started by {run['event']}, and only pull_request is posted")
            name, address = str(repository["full_name"]), str(run["html_url"])
            return cls(name, int(run["id"]), str(run["head_sha"]), int(run["head_repository"]["id"]), address)
        except (KeyError, TypeError, ValueError):
            raise RefusedError(0, "the event is no workflow_run of a pull request") from None


def artifacts(rest: Rest, run: Run) -> dict[str, bytes]:
    """The run's artifacts that are posted, by name: the report, and what each environment's preview found.

    Raises:
        RefusedError: when there are too many, or one is too large.
    """
    found: dict[str, bytes] = {}
    for one in rest.get(f"repos/{run.repository}/actions/runs/{run.id}/artifacts?{_PAGE}")["artifacts"]:
        name = str(one["name"])
        if one["expired"] or name in found or not (name == ARTIFACT or _DEPLOYED.fullmatch(name)):
            continue
        if one["size_in_bytes"] > bundle.LARGEST or len(found) == _MOST_ARTIFACTS:
            raise RefusedError(0, f"the run's artifacts are too many, or larger than {bundle.LARGEST:,} bytes")
        found[name] = rest.download(f"repos/{run.repository}/actions/artifacts/{int(one['id'])}/zip", bundle.LARGEST)
    return found


def confirmed(rest: Rest, run: Run, number: int) -> bool:
    """Whether a pull request is open and its head is what the run ran.

    The number comes from the artifact, whose author may name any. The commit and its repository come from GitHub.
    A pull request that has moved on since gets its comment from the run of its new head.
    """
    try:
        pull = rest.get(f"repos/{run.repository}/pulls/{number}")
    except RefusedError as error:
        if error.status == 404:  # noqa: PLR2004 - HTTP's
            return False
        raise
    head = pull["head"]
    return bool(
        pull["state"] == "open"
        and head["sha"] == run.commit
        and (head["repo"] or {}).get("id") == run.head_repository
        and pull["base"]["repo"]["full_name"] == run.repository
    )


class Comments:
    """The comments of a pull request or an issue."""

    def __init__(self, rest: Rest, repository: str, number: int, author: str = BOT) -> None:
        self._rest = rest
        self._repository = repository
        self._number = number
        self._author = author

    def mine(self) -> Iterator[Note]:
        """Those that the job's own account wrote, oldest first."""
        for one in self._rest.pages(f"repos/{self._repository}/issues/{self._number}/comments?{_PAGE}"):
            if (one["user"] or {}).get("login") == self._author:
                yield Note(int(one["id"]), str(one["body"] or ""))

    def create(self, body: str) -> None:
        """Write a new one."""
        self._rest.send("POST", f"repos/{self._repository}/issues/{self._number}/comments", {"body": body})

    def update(self, note: Note, body: str) -> None:
        """Replace one's text."""
        self._rest.send("PATCH", f"repos/{self._repository}/issues/comments/{note.id}", {"body": body})


class Issues:
    """The open issues of a repository that the job's own account wrote, as a board."""

    def __init__(self, rest: Rest, repository: str, title: str, author: str = BOT) -> None:
        self._rest = rest
        self._repository = repository
        self._title = title
        self._author = author

    def mine(self) -> Iterator[Note]:
        """Open ones that the job's own account wrote; pull requests are issues to GitHub, but none of ours."""
        for one in self._rest.pages(f"repos/{self._repository}/issues?state=open&{_PAGE}"):
            if "pull_request" not in one and (one["user"] or {}).get("login") == self._author:
                yield Note(int(one["number"]), str(one["body"] or ""))

    def create(self, body: str) -> None:
        """Open one."""
        self._rest.send("POST", f"repos/{self._repository}/issues", {"title": self._title, "body": body})

    def update(self, note: Note, body: str) -> None:
        """Replace one's text."""
        self._rest.send("PATCH", f"repos/{self._repository}/issues/{note.id}", {"body": body})

    def close(self, marker: str, words: str) -> bool:
        """Close the one with the marker and say why; whether there was one."""
        found = next((note for note in self.mine() if note.body.lstrip().startswith(marker)), None)
        if found:
            path = f"repos/{self._repository}/issues/{found.id}"
            self._rest.send("POST", f"{path}/comments", {"body": words})
            self._rest.send("PATCH", path, {"state": "closed"})
        return found is not None


def annotate(rest: Rest, run: Run, number: int, sarif: str) -> None:
    """Show findings at their lines in a pull request.

    The commit and the reference are GitHub's words, not the artifact's.
    """
    packed = base64.b64encode(gzip.compress(sarif.encode(), mtime=0)).decode()
    body = {"commit_sha": run.commit, "ref": f"refs/pull/{number}/head", "sarif": packed, "tool_name": "infra diff"}
    rest.send("POST", f"repos/{run.repository}/code-scanning/sarifs", body)
