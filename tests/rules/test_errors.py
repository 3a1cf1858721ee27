"""What is caught: errors of a person, and those of others' code; never a slip of ours."""

from __future__ import annotations

import ast

from .sources import SOURCES, Source

SLIPS = {
    "Exception",
    "BaseException",
    "AttributeError",
    "KeyError",
    "LookupError",
    "TypeError",
    "NameError",
    "AssertionError",
}
REASONS = {
    "infra/cli.py": "the last resort, which tells a bug of ours",
    "infra/__main__.py": "Pulumi's SDK raises nothing more specific for a cluster that cannot be read",
    "infra/preflight.py": "the Kubernetes client's parser indexes whatever a kubeconfig holds",
    "infra/terminal/fork.py": "what the other process raised is raised here",
    "infra/publish/__main__.py": "other people's JSON, in a folder that has no library to read it with",
    "infra/publish/github.py": "likewise",
    "infra/publish/rest.py": "likewise",
    "infra/render/render.py": "half a tree is deleted, and the error goes on; a value that YAML cannot hold is told",
    "infra/stack/price_file.py": "half a file is deleted, and the error goes on",
    "infra/diff/snapshots/serial.py": "JSON that another revision's code wrote; the error is told",
    "infra/diff/revisions/isolated.py": "likewise",
    "infra/diff/snapshots/kubectl_proxy.py": "a process that began is ended, and the error goes on",
}
"""Files that catch one, and why that hides nothing."""


def caught(source: Source) -> list[str]:
    """The slips a file catches, each with its line."""
    found = []
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {ast.unparse(kind) if kind else "BaseException" for kind in kinds}
            found += [f"{source.name}:{node.lineno} catches {name}" for name in sorted(names & SLIPS)]
    return found


def test_no_slip_of_ours_is_swallowed() -> None:
    ours = [source for source in SOURCES if source.folder in ("components", "infra", "runtime")]
    assert "\n".join(line for source in ours if source.name not in REASONS for line in caught(source)) == ""
    assert [source.name for source in ours if source.name in REASONS and not caught(source)] == []
