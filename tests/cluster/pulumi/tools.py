"""The three programs that deploy: a person's own where all are on PATH; otherwise two are built, and one is ours."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache as once
from pathlib import Path

from ..modules import KUBERNETES_PROVIDER, PULUMI_CLI

PROVIDER = "pulumi-resource-kubernetes"
_TOOLS = ("pulumi", "pulumi-language-python", PROVIDER)
_HERE = Path(__file__).parent


@once
def search_path() -> str:
    """A PATH with all three.

    Raises:
        MissingToolError: when one is missing and cannot be built here.
    """
    given = os.environ.get("PATH", os.defpath)
    if all(shutil.which(tool) for tool in _TOOLS):
        return given
    ours = [PULUMI_CLI.installed() / "bin", KUBERNETES_PROVIDER.installed() / "bin", _HERE / "bin"]
    # The language host runs with the first python3 there is.
    return os.pathsep.join([*map(str, ours), str(Path(sys.executable).parent), given])


def tool(name: str) -> str:
    """Where one of them is."""
    path = shutil.which(name, path=search_path())
    assert path is not None
    return path
