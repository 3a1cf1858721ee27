"""GitLab's side: the notes of a merge request."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from .board import Note
from .rest import Rest


def server(base: str, token: str) -> Rest:
    """GitLab's interface; `CI_API_V4_URL` of a pipeline."""
    return Rest(base, {"PRIVATE-TOKEN": token, "User-Agent": "inference-publish"})


class Notes:
    """The notes of a merge request.

    Args:
        rest: the server.
        project: its path or number, `CI_PROJECT_ID`.
        number: the merge request's, `CI_MERGE_REQUEST_IID`.
    """

    def __init__(self, rest: Rest, project: str, number: int) -> None:
        self._rest = rest
        self._notes = f"projects/{quote(project, safe='')}/merge_requests/{number}/notes"

    def mine(self) -> Iterator[Note]:
        """Those that the token's own account wrote, oldest first."""
        me = self._rest.get("user")["id"]
        for one in self._rest.pages(f"{self._notes}?sort=asc&per_page=100"):
            if one["author"]["id"] == me and not one["system"]:
                yield Note(int(one["id"]), str(one["body"]))

    def create(self, body: str) -> None:
        """Write a new one."""
        self._rest.send("POST", self._notes, {"body": body})

    def update(self, note: Note, body: str) -> None:
        """Replace one's text."""
        self._rest.send("PUT", f"{self._notes}/{note.id}", {"body": body})
