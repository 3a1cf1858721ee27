"""The documentation as tests read it: pages, fenced blocks, headings, and stack snippets joined with a stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.plan.environments import Loaded, load
from infra.stack.project import load_project

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^( *)```(.*?)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_MINIMAL = """
config:
  inference:cluster: {kind: gke, name: demo, project: my-project, location: us-central1, zones: [us-central1-a]}
  inference:node_pools:
    l4: {accelerator: nvidia-l4, machine_type: g2-standard-12, nodes: {max: 4}}
  inference:models:
    llama:
      model: meta-llama/Llama-3.1-8B-Instruct
      revision: 0e9e39f249a16976918f6564b8830bc894c89659
      engine: {kind: tgi, version: 3.3.6, max_total_tokens: 4096}
      runs_on: [l4]
  inference:hf_token:
    secure: v1:AAAA:BBBB
"""
"""What `on=minimal` names: a gated model on a cluster, with a secret."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: Path
    language: str
    options: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text[:60]!r}"

    @property
    def base(self) -> str:
        """The environment a stack snippet is joined with; empty when it stands alone."""
        return next((option.removeprefix("on=") for option in self.options if option.startswith("on=")), "")


def pages() -> list[Path]:
    """Every Markdown page of the repository that people read."""
    outside = ("README.md", "CHANGELOG.md", "components/README.md")
    return [*(ROOT / name for name in outside), *sorted(ROOT.glob("docs/**/*.md"))]


def blocks(*languages: str) -> Iterator[Block]:
    """Every fenced block in some languages."""
    for page in pages():
        for indent, info, text in _FENCE.findall(page.read_text(encoding="utf-8")):
            language, *options = info.split() or [""]
            if language in languages:
                lines = "\n".join(line.removeprefix(indent) for line in text.splitlines())
                yield Block(page, language, tuple(options), lines + "\n")


def stack_blocks(page: str = "") -> list[Block]:
    """The snippets of stack files, of one page or of all."""
    found = [block for block in blocks("yaml") if "stack" in block.options]
    return [block for block in found if not page or block.page.name == page]


def joined(block: Block) -> dict[str, Any]:
    """A stack snippet with the stack it changes."""
    if block.base == "minimal":
        base = yaml.safe_load(_MINIMAL)
    elif block.base:
        base = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{block.base}.yaml").read_text(encoding="utf-8"))
    else:
        base = {}
    return dict(merged(base, yaml.safe_load(block.text)))


def merged(base: Any, change: Any) -> Any:
    """Mappings joined key by key; anything else replaced, and so is a mapping with another `kind`."""
    if not isinstance(base, Mapping) or not isinstance(change, Mapping):
        return change
    if change.get("kind", base.get("kind")) != base.get("kind"):
        return change
    return {**base, **{key: merged(base.get(key), value) for key, value in change.items()}}


def planned(stack: Mapping[str, Any], folder: Path, name: str = "docs") -> Loaded:
    """A stack read from a file and planned, as the commands do."""
    path = folder / f"Pulumi.{name}.yaml"
    path.write_text(yaml.safe_dump(dict(stack), sort_keys=False), encoding="utf-8")
    return load(path, load_project(ROOT))


def anchors(page: Path) -> set[str]:
    """What a link can point at within a page, as GitHub names headings."""
    text = re.sub(_FENCE, "", page.read_text(encoding="utf-8"))
    found: set[str] = set(re.findall(r'<a id="([^"]+)">', text))
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found
