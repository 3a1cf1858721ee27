"""The kubeconfig file a person has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from components.core.errors import ConfigError, Problem

_ROOT = Path(__file__).resolve().parents[2]


def kubeconfig_file(path: str | None, variables: Mapping[str, str]) -> Path:
    """The kubeconfig file, found as kubectl finds it.

    Args:
        path: what the stack says; a relative one is meant from the repository's root, because Pulumi runs the
            program in infra/, where it would lead elsewhere.
        variables: environment variables; the same holds for a relative `KUBECONFIG`.

    Raises:
        ConfigError: when `KUBECONFIG` lists several files: kubectl merges them, Pulumi's provider reads one.
    """
    listed = [entry for entry in variables.get("KUBECONFIG", "").split(os.pathsep) if entry]
    if path is None and len(listed) > 1:
        message = f"is not set, and KUBECONFIG lists {len(listed)} files but Pulumi's provider reads one; name it here"
        raise ConfigError([Problem(("cluster", "path"), message)])
    chosen = path or (listed[0] if listed else "~/.kube/config")
    return (_ROOT / Path(chosen).expanduser()).resolve()
