"""The rules' pages, made from their docstrings and one example, so that they never say what the code does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from components.core.errors import dotted
from components.proofs.finding import Finding
from components.proofs.rule import Rule

_PROOFS = {
    "memory fit": "models that do not fit the GPUs they may land on",
    "scheduling": "a pod no node can hold, and pools too small for all",
    "rollout": "updates that never finish, volumes and nodes that pods cannot share or leave, requests that are cut",
    "loading": "weights that cannot be mounted, and pods given less time than theirs take to load",
    "traffic": "routes and Services that lead nowhere",
    "names": "collisions, and names that are refused",
    "hardening": "pods that may do more than they must, and what can change under a name",
    "budget": "what may cost more than the team says, or grow beyond the project's GPUs",
}
_HEAD = """# Proofs

`infra check` reads the plan of an environment and refuses what a real cluster would reject, deadlock on, or quietly get
wrong. Each rule is a small function over the plan in `components/proofs/`; its page says what it refuses, why, and how
to fix it. An error is refused, a warning is told. These pages are made from the code (`tests/components/proofs/`).

What a team accepts for a while it writes into the stack, with a reason and a last day:

```yaml
inference:policy:
  waive:
    - rule: model-not-pinned
      at: models.llama
      reason: the team's own model, rebuilt every night until the launch
      until: "2027-01-31"
```

A waiver past its day refuses the environment ([expired-waiver](expired-waiver.md)); one that waives nothing is told
([unused-waiver](unused-waiver.md)).
"""


def page(rule: Rule, example: Finding) -> str:
    """A rule's page in Markdown.

    Args:
        rule: the rule.
        example: something it found; shown as `infra check` prints it.
    """
    waiver = [
        "inference:policy:",
        "  waive:",
        f"    - rule: {rule.id}",
        f"      at: {dotted(example.path)}",
        "      reason: why it is acceptable here, for the reviewer",
        '      until: "2027-01-31"',
    ]
    blocks = [
        f"# {rule.id}",
        f"*{rule.severity}, {rule.proof}* · {rule.summary}",
        *rule.why,
        "## Example",
        _fenced("text", example_lines(example)),
        "## How to fix it",
        rule.fix[:1].upper() + rule.fix[1:],
        "## How to waive it",
        "Omit `at` to waive it everywhere in this environment.",
        _fenced("yaml", waiver),
    ]
    return "\n\n".join(blocks) + "\n"


def example_lines(finding: Finding) -> list[str]:
    """A finding as a person reads it."""
    lines = [f"{dotted(finding.path)}  [{finding.rule}]", f"  {finding.message}"]
    if len(finding.remedies) == 1:
        lines.append(f"  fix: {finding.remedies[0]}")
    elif finding.remedies:
        lines += ["  fix, best first:", *(f"    {remedy}" for remedy in finding.remedies)]
    return lines


def index_page(rules: Mapping[str, Rule]) -> str:
    """The list of all rules, in groups."""
    blocks = [_HEAD.rstrip()]
    for proof, about in _PROOFS.items():
        blocks.append(f"## {proof.capitalize()}: {about}")
        blocks.append("\n".join(_rows(rule for rule in rules.values() if rule.proof == proof)))
    return "\n\n".join(blocks) + "\n"


def _rows(rules: Iterable[Rule]) -> Iterable[str]:
    yield "| rule | | refuses |"
    yield "|---|---|---|"
    for rule in rules:
        yield f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.summary} |"


def _fenced(language: str, lines: Iterable[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])
