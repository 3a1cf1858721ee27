"""Strings that a pull request could bring, and reports full of them."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from infra.diff.changes.report import ABSENT, EFFECTS, Change, EnvironmentDiff, FieldChange, Headline, Report

HOSTILE = (
    "</details>", "</summary>", "<details>", "<!-- infra-diff -->", "<!--", "-->", "```", "````diff", "~~~", "`",
    "``", "|", "\\|", "\n", "\r\n", "\n\n", "\n/approve", "/merge", "@octocat", "@org/team", "#1", "GH-12", "o/r#7",
    "https://evil.example/x", "http://evil.example", "www.evil.example", "user@evil.example",
    "[x](javascript:alert(1))", "![x](https://evil.example/p.png)", "[x]: https://evil.example", "[^1]",
    "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<svg onload=alert(1)>", "</code>", "</pre>",
    "</style>", "'", '"', "\u202e", "\u2028", "\u200b", "\ud800", "\x1b[2J", "\x00", "$$x$$", "$`x`$", "$7", "~5",
    "%3", "!9", "&2", "- [ ] task", "1. one", "# heading", "> quote", "---", "===", "&lt;b&gt;", "&#60;b&#62;", "\\",
    "*", "__", "{{ 7*7 }}", "{% raw %}", "\t", "    code", "::include{file=x}", "[[_TOC_]]", "→", "é", "漢字",
    "🌈" * 20, "x" * 700,
)  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12)), max_size=5).map("".join)
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.just(ABSENT)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=4,
).map(lambda value: _without_absent(value) if isinstance(value, list | dict) else value)
PATHS = st.lists(st.one_of(TEXTS, st.integers(0, 9)), max_size=3).map(tuple)
MONEY = st.one_of(st.none(), st.floats(-1e9, 1e9))


def _without_absent(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_absent(inner) for inner in value if inner is not ABSENT]
    if isinstance(value, dict):
        return {key: _without_absent(inner) for key, inner in value.items() if inner is not ABSENT}
    return value


def some(strategy: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


FINDINGS = st.fixed_dictionaries(
    {"rule": TEXTS, "severity": st.sampled_from(["error", "warning"]), "at": TEXTS, "message": TEXTS},
    optional={
        "remedies": st.lists(TEXTS, max_size=2),
        "file": TEXTS,
        "line": st.one_of(st.none(), st.integers(1, 900)),
        "waived": st.fixed_dictionaries({"reason": TEXTS, "until": TEXTS}),
    },
)
TOTALS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"min_usd": MONEY, "expected_usd": MONEY, "max_usd": MONEY}, optional={"unknown": TEXTS}),
)
COSTS = st.fixed_dictionaries(
    {
        "base": TOTALS,
        "head": TOTALS,
        "min_usd": MONEY,
        "max_usd": MONEY,
        "as_of": TEXTS,
        "lines": st.lists(
            st.fixed_dictionaries({"at": TEXTS, "what": TEXTS, "before": TOTALS, "after": TOTALS, "max_usd": MONEY}),
            max_size=3,
        ),
        "models": st.just([]),
        "unknown": st.lists(TEXTS, max_size=2),
        "ceiling_usd": MONEY,
    }
)
CHANGES = st.builds(
    Change,
    resource=TEXTS,
    component=TEXTS,
    at=PATHS,
    action=st.sampled_from(["create", "update", "replace", "delete", "rename"]),
    effect=st.sampled_from(EFFECTS),
    reason=TEXTS,
    source=TEXTS,
    means=TEXTS,
    fields=some(st.builds(FieldChange, path=TEXTS, before=VALUES, after=VALUES), 2),
)
HEADLINES = st.builds(
    Headline,
    component=TEXTS,
    at=PATHS,
    effect=st.sampled_from(EFFECTS),
    what=TEXTS,
    means=TEXTS,
    line=st.one_of(st.none(), st.integers(1, 500)),
)
ENVIRONMENTS = st.builds(
    EnvironmentDiff,
    environment=TEXTS,
    status=st.sampled_from(["changed", "unchanged", "added", "removed", "unreadable"]),
    file=TEXTS,
    base_errors=some(TEXTS, 2),
    head_errors=some(TEXTS, 2),
    headlines=some(HEADLINES, 4),
    changes=some(CHANGES),
    resources=st.integers(0, 10_000),
    new=some(FINDINGS),
    fixed=some(FINDINGS, 1),
    standing=some(FINDINGS, 1),
    waived=some(FINDINGS, 1),
    rules_held=st.one_of(st.none(), st.integers(0, 99)),
    cost=st.one_of(st.none(), COSTS),
    before=TEXTS,
    after=TEXTS,
    notes=some(TEXTS, 1),
)
REPORTS = st.builds(Report, base=TEXTS, head=TEXTS, environments=some(ENVIRONMENTS, 2), notes=some(TEXTS, 2))
WIDE = settings(phases=(Phase.generate,), suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
"""For whole reports: to shrink one takes minutes and tells little, for the faults name the text."""
