"""An API server reached through `kubectl proxy`, which knows every way to log in, on a socket only this user can open.

It lets GET and PATCH through, and PATCH is only ever sent as a dry run.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from ...plan.environments import UsageError

SECONDS = 20
"""Longest wait for one answer."""
_START_SECONDS = 15
_REFUSED_METHODS = "^(POST|PUT|DELETE|OPTIONS|HEAD)$"


class Answer(NamedTuple):
    """What the API server said.

    Attributes:
        status: HTTP's.
        body: an object, or a Status with a message.
    """

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """Why it refused, on one line."""
        return " ".join(str(self.body.get("message") or f"HTTP {self.status}").split())


class KubectlProxy:
    """A cluster.

    Args:
        kubeconfig: the file, or `None` for where kubectl looks by itself.
        context: of the kubeconfig; its current one when `None`.

    Raises:
        UsageError: when there is no kubectl, or it cannot start.
    """

    def __init__(self, kubeconfig: Path | None, context: str | None) -> None:
        self._kubeconfig, self._context = kubeconfig, context
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise UsageError("--live needs kubectl, and it is not on PATH: https://kubernetes.io/docs/tasks/tools/")
        # A socket's path has 107 characters at most (unix(7)), so it is not below the temporary folder of a test.
        self._folder = Path(tempfile.mkdtemp(prefix="infra-live-", dir="/tmp"))
        command = [kubectl, "proxy", f"--unix-socket={self._socket}", f"--reject-methods={_REFUSED_METHODS}"]
        command += [f"--kubeconfig={self._kubeconfig}"] if self._kubeconfig else []
        command += [f"--context={self._context}"] if self._context else []
        with (self._folder / "error").open("wb") as error:
            self._process = subprocess.Popen(  # noqa: S603 - the kubectl that a person has
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=error
            )
        try:
            self._wait()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def get(self, path: str, **query: str) -> Answer:
        """Read."""
        return self._ask("GET", _with(path, query), None)

    def dry_run(self, path: str, manifest: dict[str, Any], manager: str, *, force: bool = False) -> Answer:
        """What a server-side apply would make of an object; nothing is changed."""
        query = {"dryRun": "All", "fieldManager": manager, "force": "true" if force else "false"}
        return self._ask("PATCH", _with(path, query), json.dumps(manifest).encode())

    def end(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _socket(self) -> str:
        return f"{self._folder}/api"

    def _wait(self) -> None:
        last = time.monotonic() + _START_SECONDS
        while not self._listens():
            if self._process is None or self._process.poll() is not None or time.monotonic() > last:
                assert self._folder is not None  # noqa: S101 - made before it starts
                lines = (self._folder / "error").read_text(errors="replace").strip().splitlines()
                words = lines[-1].removeprefix("error: ") if lines else "it says nothing"
                raise UsageError(f"kubectl cannot use the kubeconfig: {words}")
            time.sleep(0.02)

    def _listens(self) -> bool:
        """Whether it takes connections: its socket is there a moment before it does."""
        connection = _Connection(self._socket)
        try:
            connection.connect()
        except OSError:
            return False
        finally:
            connection.close()
        return True

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        connection = _Connection(self._socket)
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/apply-patch+yaml"} if body else {})
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise UsageError(f"the cluster does not answer: {error or type(error).__name__}") from None
        finally:
            connection.close()
        try:
            data = json.loads(content)
        except ValueError:
            data = {"message": content.decode(errors="replace")[:200]}
        return Answer(answer.status, data if isinstance(data, dict) else {"message": str(data)[:200]})


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _with(path: str, query: dict[str, str]) -> str:
    words = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
    return f"{path}?{words}" if words else path
