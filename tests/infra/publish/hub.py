"""A stand-in that speaks as much of GitHub's and GitLab's interfaces as a posting job needs, and notes what it got."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "the-jobs-token"
BOT = {"login": "github-actions[bot]"}
PAGE = 3
"""Entries of a page, whatever is asked for."""
HEAD = "a" * 40
OURS, FORK = 11, 22
MARKER = "<!-- infra-diff -->"
_LONGEST = 65_536


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """An artifact with these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return stream.getvalue()


def preview(comment: str = f"{MARKER}\n**staging: 1 change**\n", number: object = 7, **more: str) -> bytes:
    """What the previewing job leaves."""
    return archive({"number": f"{number}\n", "comment.md": comment, "report.json": "{}", **more})


@dataclass
class Hub:
    """The state of the server.

    Attributes:
        comments: of all pull requests and issues, by number.
        artifacts: of the run, by name.
        pulls: by number.
        issues: open ones.
        refuse: status to answer instead, by method and path, each time it is asked.
        once: the same, for the first request only.
        seen: every request: method, path, whether it had the token, body.
    """

    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    refuse: dict[tuple[str, str], int] = field(default_factory=dict)
    once: dict[tuple[str, str], int] = field(default_factory=dict)
    seen: list[tuple[str, str, bool, Any]] = field(default_factory=list)
    address: str = ""
    elsewhere: str = ""

    def pull(self, number: int = 7, *, sha: str = HEAD, repository: int = OURS, state: str = "open") -> None:
        """Open a pull request."""
        base = {"repo": {"full_name": "o/r"}}
        self.pulls[number] = {"state": state, "head": {"sha": sha, "repo": {"id": repository}}, "base": base}

    def say(self, number: int, login: str, body: str) -> None:
        """Write a comment as somebody."""
        found = self.comments.setdefault(number, [])
        user = {"login": login, "id": 1 if login == BOT["login"] else 2}
        found.append({"id": 1000 * number + len(found), "user": user, "author": user, "system": False, "body": body})

    def bodies(self, number: int = 7) -> list[str]:
        """What is written below a pull request."""
        return [one["body"] for one in self.comments.get(number, [])]

    def asked(self, method: str) -> list[str]:
        """The paths of all requests of one kind."""
        return [path for made, path, _, _ in self.seen if made == method]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """What the server says."""
        for key in ((method, path), (method, "*")):
            if key in self.once:
                return self.once.pop(key), {"message": "Something went wrong"}
            if key in self.refuse:
                return self.refuse[key], {"message": "Resource not accessible by integration"}
        if method in ("POST", "PATCH") and len((body or {}).get("body", "")) > _LONGEST:
            return 422, {"message": "Validation Failed: body is too long (maximum is 65536 characters)"}
        for pattern, found in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and (said := found(self, method, match, body)) is not None:
                return said
        return 404, {"message": "Not Found"}


def _comments(hub: Hub, method: str, match: re.Match[str], body: Any) -> tuple[int, Any] | None:
    number = int(match[1])
    if method == "GET":
        return 200, hub.comments.get(number, [])
    hub.say(number, BOT["login"], body["body"])
    return 201, {}


def _comment(hub: Hub, method: str, match: re.Match[str], body: Any) -> tuple[int, Any] | None:
    (one,) = [one for all_ in hub.comments.values() for one in all_ if one["id"] == int(match[1])]
    one["body"] = body["body"]
    return 200, {}


def _artifacts(hub: Hub, *_: Any) -> tuple[int, Any]:
    found = [
        {"id": number, "name": name, "expired": False, "size_in_bytes": len(data)}
        for number, (name, data) in enumerate(hub.artifacts.items())
    ]
    return 200, {"artifacts": found}


def _pull(hub: Hub, _: str, match: re.Match[str], __: Any) -> tuple[int, Any] | None:
    found = hub.pulls.get(int(match[1]))
    return (200, found) if found else None


def _issues(hub: Hub, method: str, _: re.Match[str], body: Any) -> tuple[int, Any]:
    if method == "GET":
        return 200, [one for one in hub.issues if one["state"] == "open"]
    hub.issues.append({"number": len(hub.issues) + 1, "state": "open", "user": BOT, **body})
    return 201, {}


def _issue(hub: Hub, _: str, match: re.Match[str], body: Any) -> tuple[int, Any]:
    hub.issues[int(match[1]) - 1].update(body)
    return 200, {}


_Route = Callable[[Hub, str, re.Match[str], Any], tuple[int, Any] | None]
_ROUTES: list[tuple[str, _Route]] = [
    (r"/repos/o/r/issues/(\d+)/comments", _comments),
    (r"/repos/o/r/issues/comments/(\d+)", _comment),
    (r"/repos/o/r/actions/runs/5/artifacts", _artifacts),
    (r"/repos/o/r/pulls/(\d+)", _pull),
    (r"/repos/o/r/issues", _issues),
    (r"/repos/o/r/issues/(\d+)", _issue),
    (r"/repos/o/r/code-scanning/sarifs", lambda *_: (202, {})),
    (r"/user", lambda *_: (200, {"id": 1})),
    (r"/projects/g%2Fp/merge_requests/(\d+)/notes", _comments),
    (r"/projects/g%2Fp/merge_requests/7/notes/(\d+)", _comment),
]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            url = urlsplit(self.path)
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size)) if size else None
            token = self.headers.get("Authorization") == f"Bearer {TOKEN}" or self.headers.get("PRIVATE-TOKEN") == TOKEN
            hub.seen.append((self.command, url.path, token, body))
            if found := re.fullmatch(r"/repos/o/r/actions/artifacts/(\d+)/zip", url.path):
                where = f"{hub.elsewhere or hub.address}/blobs/{found[1]}"
                self._send(302, b"", {"Location": where})
            elif found := re.fullmatch(r"/blobs/(\d+)", url.path):
                # As the real storage: it refuses a request that carries somebody else's credentials.
                data = list(hub.artifacts.values())[int(found[1])]
                self._send(*((400, b"") if self.headers.get("Authorization") else (200, data)))
            else:
                self._json(url, *hub.answer(self.command, url.path, body))

        def _json(self, url: Any, status: int, said: Any) -> None:
            headers = {}
            if isinstance(said, list):
                page = int(parse_qs(url.query).get("page", ["1"])[0])
                if len(said) > page * PAGE:
                    headers["Link"] = f'<{hub.address}{url.path}?page={page + 1}>; rel="next"'
                said = said[(page - 1) * PAGE : page * PAGE]
            self._send(status, json.dumps(said).encode(), headers)

        def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815 - the library's names

    return Handler


@contextmanager
def serving() -> Iterator[Hub]:
    """A server on loopback."""
    hub = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) as server:
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
