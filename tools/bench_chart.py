"""The rendered fleet as a Helm chart: templates and values that give the same text, as a team with Helm would have it.

A chart of finished files would only be copied; a real one fills its templates from each model's values. Which lines
differ from model to model is read off the rendered files, so the chart's output is ours to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from components.core.plan import Plan
from infra.render.render import path_of

_HEAD = "apiVersion: v2\nname: fleet\nversion: 1.0.0\n"


def write_chart(plan: Plan, tree: Path, chart: Path) -> None:
    """Write the chart of a rendered plan: a template for models alike in form, a row of values a model.

    Args:
        plan: what was rendered.
        tree: where.
        chart: the chart's folder, which does not exist yet.
    """
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(_HEAD)
    texts = {
        part.key: "".join(f"---\n{(tree / path_of(item)).read_text()}" for item in part.items if item.is_object)
        for part in plan.parts
    }
    alike: dict[tuple[str, ...], list[str]] = {}
    for text in texts.values():
        if text:
            alike.setdefault(tuple(_form(text)), []).append(text)
    values: dict[str, list[dict[str, str]]] = {}
    for number, group in enumerate(alike.values()):
        template, rows = _template(group)
        name = f"group{number}"
        body = f"{{{{- range $m := .Values.{name} }}}}\n{template}{{{{ end }}}}"
        (chart / "templates" / f"{name}.yaml").write_text(body)
        values[name] = rows
    (chart / "values.yaml").write_text(json.dumps(values))


def _form(text: str) -> Iterable[str]:
    """The keys of a text's lines: models of one form differ in values only."""
    return (
        line.partition(": ")[0] if ": " in line else line[: len(line) - len(line.lstrip())]
        for line in text.splitlines()
    )


def _template(texts: list[str]) -> tuple[str, list[dict[str, str]]]:
    """One template for texts of one form, and each text's values."""
    lines = [text.splitlines() for text in texts]
    rows: list[dict[str, str]] = [{} for _ in texts]
    template = []
    for number, same_line in enumerate(zip(*lines, strict=True)):
        if len(set(same_line)) == 1:
            template.append(same_line[0])
            continue
        key = f"v{number}"
        first = same_line[0]
        before = first.partition(": ")[0] + ": " if ": " in first else first[: len(first) - len(first.lstrip())]
        template.append(f"{before}{{{{ $m.{key} }}}}")
        for row, line in zip(rows, same_line, strict=True):
            row[key] = line.removeprefix(before)
    return "\n".join(template) + "\n", rows
