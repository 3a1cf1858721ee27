"""The chart that `helm template` is timed with."""

from __future__ import annotations

import json
import re
from pathlib import Path

from infra.plan.assemble import assemble
from infra.plan.validate import environment_of
from infra.render.render import path_of, render
from infra.stack.stackfile import load_stack
from tools.bench import fleet
from tools.bench_chart import write_chart


def _filled(body: str, row: dict[str, str]) -> str:
    return re.sub(r"\{\{ \$m\.(\w+) \}\}", lambda key: row[key[1]], body)


def test_templates_filled_with_their_values_are_the_rendered_files(tmp_path: Path) -> None:
    stack = tmp_path / "Pulumi.fleet.yaml"
    stack.write_text("".join(fleet(12)))
    plan = assemble(environment_of(load_stack(stack).values), "fleet")
    render(plan, tmp_path / "tree")
    write_chart(plan, tmp_path / "tree", tmp_path / "chart")

    values = json.loads((tmp_path / "chart/values.yaml").read_text())
    made = []
    for name, rows in values.items():
        text = (tmp_path / f"chart/templates/{name}.yaml").read_text()
        body = text.partition("}}\n")[2].removesuffix("{{ end }}")
        made += [_filled(body, row) for row in rows]

    documents = sorted(part for text in made for part in text.split("---\n") if part)
    files = sorted((tmp_path / "tree" / path_of(item)).read_text() for _, item in plan.objects())
    assert documents == files
    assert len(values) < 6, "models of one engine share a template"
