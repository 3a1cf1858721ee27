"""Where files are: what is built is kept outside the repository, what runs beside it."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent


def cache() -> Path:
    """The folder of everything that is built or downloaded; deleting it is always safe when nothing runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inference-e2e"


def say(message: str, *, about: str = "control plane") -> None:
    """Tell a person who waits what goes on with what, past pytest's capture."""
    print(f"{about}: {message}", file=_OUT, flush=True)


_OUT = os.fdopen(os.dup(2), "w", encoding="utf-8")
