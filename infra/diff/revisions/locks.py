"""The packages of another lock: an environment of its own, made once and kept by the lock's hash.

    $XDG_CACHE_HOME/inference/locks/<sha256 of requirements/preview.txt>/      or below ~/.cache

Only wheels whose hashes the lock has are taken, so nothing of a package runs while it is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from components.core.errors import InferenceError

from ...terminal.terminal import status

LOCK = "requirements/preview.txt"
"""The packages that `infra` runs with."""
SECONDS = 600
"""Longest time an installation may take."""
_KEPT = ("PATH", "HOME", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "LANG", "LC_ALL",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NETRC")  # fmt: skip
"""What pip needs of a person's settings; all PIP_… besides. Python's own variables would change what is installed."""


class LockError(InferenceError):
    """The packages cannot be had, and why, in a few words."""


def cache_folder() -> Path:
    """Where we keep what takes long to make again."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    # A relative one counts as not set (specifications.freedesktop.org/basedir-spec).
    return (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / "inference"  # noqa: PTH117 - of text


def python_of(lock: bytes) -> Path:
    """The Python that has the packages of a lock; installs them the first time.

    Args:
        lock: the text of a requirements/preview.txt.

    Raises:
        LockError: when they cannot be installed.
    """
    digest = hashlib.sha256(lock).hexdigest()
    try:
        target = cache_folder() / "locks" / digest
        python = target / "bin" / "python"
        if python.exists():
            return python
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{digest[:12]}-", dir=target.parent))
    except (OSError, RuntimeError) as error:  # no home folder
        raise LockError(f"no folder to keep them in: {getattr(error, 'strerror', None) or error}") from None
    try:
        with status(f"installing the packages of another {LOCK}, once"):
            _install(lock, work)
        (work / "environment").rename(target)
    except OSError as error:
        if not python.exists():  # else somebody else was quicker, with the same
            raise LockError(error.strerror or str(error)) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return python


def _install(lock: bytes, work: Path) -> None:
    (work / "lock.txt").write_bytes(lock)
    environment = work / "environment"
    variables = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("PIP_")}
    _run([sys.executable, "-m", "venv", str(environment)], variables)
    _run(
        [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-input", "--no-compile", "--no-deps", "--only-binary", ":all:", "--require-hashes",
         "--requirement", str(work / "lock.txt")],
        variables,
    )  # fmt: skip


def _run(command: list[str], variables: dict[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - Python and pip
            command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise LockError(f"it took longer than {SECONDS} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.startswith("ERROR")]
        raise LockError(lines[-1].removeprefix("ERROR: ") if lines else f"{command[2]} ended with {done.returncode}")
