"""A small client of JSON over HTTPS, as GitHub's and GitLab's interfaces speak it.

RefusedError (RuntimeError)   an answer that is an error, in words
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

_SECONDS = 30
_PAUSES = (1, 4)
"""Seconds before each further try of what only reads."""
_BUSY = frozenset({429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_PAGES = 200
_LARGEST_ANSWER = 16 * 2**20
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="next"')
_HINTS = {
    401: "is the token there, and still valid?",
    403: "the job's token may not do that; look at `permissions:` of the job",
    404: "it is not there, or the token may not see it",
}


class RefusedError(RuntimeError):
    """An answer that is an error.

    Attributes:
        status: HTTP's; 0 when there was no answer at all.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class _Stay(HTTPRedirectHandler):
    """Follows nothing by itself: the library's own would hand the token to whatever host an answer names."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Rest:
    """One server, spoken to with one token.

    Args:
        base: address that paths are below, `https://api.github.com`.
        headers: sent with every request to that server and to no other.
        pause: waits before another try.
    """

    def __init__(self, base: str, headers: Mapping[str, str], pause: Callable[[float], None] = time.sleep) -> None:
        self._base = base.rstrip("/")
        self._headers = dict(headers)
        self._pause = pause
        self._opener = build_opener(_Stay)
        if urlsplit(self._base).scheme not in ("https", "http"):
            raise RefusedError(0, f"{base} is no address of a server")

    def get(self, path: str) -> Any:
        """What is at a path.

        Raises:
            RefusedError: when the server refuses, or does not answer.
        """
        return _parsed(self._read("GET", self._at(path))[0])

    def pages(self, path: str) -> Iterator[Any]:
        """Every entry of a list that comes in pages.

        Raises:
            RefusedError: as `get`, and for a list without an end or one that leads to another server.
        """
        address = self._at(path)
        for _ in range(_MOST_PAGES):
            body, headers = self._read("GET", address)
            yield from _parsed(body)
            found = _NEXT.search(headers.get("link", ""))
            if found is None:
                return
            address = urljoin(address, found[1])
            if urlsplit(address)[:2] != urlsplit(self._base)[:2]:
                raise RefusedError(0, f"{path}: the next page is on another server")
        raise RefusedError(0, f"{path}: more than {_MOST_PAGES} pages")

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Create or change something; never tried twice, because the first try may have worked.

        Raises:
            RefusedError: when the server refuses, or does not answer.
        """
        return _parsed(self._read(method, self._at(path), json.dumps(body).encode())[0])

    def download(self, path: str, most: int) -> bytes:
        """A file of at most `most` bytes; the server may send us to another, which gets no token.

        Raises:
            RefusedError: when it is larger, is refused, or does not come.
        """
        body, headers = self._read("GET", self._at(path), most=most)
        location = headers.get("location")
        if location is None:
            return body
        if urlsplit(location).scheme != "https" and urlsplit(location)[:2] != urlsplit(self._base)[:2]:
            raise RefusedError(0, f"{path}: is kept where it cannot be read safely")
        return self._read("GET", location, most=most, ours=False)[0]

    def _at(self, path: str) -> str:
        return f"{self._base}/{path.lstrip('/')}"

    def _read(
        self, method: str, address: str, data: bytes | None = None, *, most: int = _LARGEST_ANSWER, ours: bool = True
    ) -> tuple[bytes, Mapping[str, str]]:
        for pause in _PAUSES if method == "GET" else ():
            try:
                return self._once(method, address, data, most, ours=ours)
            except RefusedError as error:
                if error.status not in _BUSY and error.status:
                    raise
                self._pause(pause)
        return self._once(method, address, data, most, ours=ours)

    def _once(
        self, method: str, address: str, data: bytes | None, most: int, *, ours: bool
    ) -> tuple[bytes, Mapping[str, str]]:
        headers = {**(self._headers if ours else {}), **({"Content-Type": "application/json"} if data else {})}
        request = Request(address, data=data, method=method, headers=headers)  # noqa: S310 - the scheme was looked at
        where = f"{method} {urlsplit(address).path}"
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                body = answer.read(most + 1)
                found = {name.lower(): value for name, value in answer.headers.items()}
        except HTTPError as error:
            with error:
                if ours and error.code in _REDIRECTS and method == "GET":
                    return b"", {"location": urljoin(address, error.headers.get("Location", ""))}
                raise RefusedError(error.code, f"{where}: {_words(error)}") from None
        except (URLError, OSError) as error:
            raise RefusedError(0, f"{where}: no answer, {getattr(error, 'reason', error)}") from None
        if len(body) > most:
            raise RefusedError(0, f"{where}: is larger than {most:,} bytes")
        return body, found


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        raise RefusedError(0, "the answer is not JSON") from None


def _words(error: HTTPError) -> str:
    """What the server says of an error, with what to look at."""
    try:
        said = json.loads(error.read(_LARGEST_ANSWER)).get("message", "")
    except (ValueError, AttributeError, OSError):
        said = ""
    hint = _HINTS.get(error.code, "")
    return "; ".join(part for part in (f"{error.code} {error.reason}", str(said)[:300], hint) if part)
