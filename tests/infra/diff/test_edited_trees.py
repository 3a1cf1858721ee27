"""A rendered tree that somebody edited is compared or refused, whatever it holds now; it is never a bug of ours."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.cli import BROKEN, main

TREE = Path(__file__).parents[2] / "golden" / "staging"
FILES = [path for path in sorted(TREE.rglob("*.yaml")) if path.name != "kustomization.yaml"]
JUNK: tuple[Any, ...] = ("lots", -1, None, [], {}, [None], {"x": None}, True, 1e300, "", [1], ["a"], 12, "50%", "1.5.2")
EDITED = 12
"""Files of a tree that are."""


def places(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a value stands, but for those by which the object is known."""
    if path and path[:1] not in (("kind",), ("apiVersion",)) and path[:2] not in (("metadata",), ("metadata", "name")):
        yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*path, key))


def edit(path: Path, chance: random.Random) -> None:
    text = path.read_text()
    manifest = yaml.safe_load(text)
    *above, last = chance.choice(list(places(manifest)))
    target = manifest
    for step in above:
        target = target[step]
    target[last] = chance.choice(JUNK)
    header = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    path.write_text(header + yaml.safe_dump(manifest))


@pytest.mark.parametrize("seed", range(20))
def test_an_edited_tree_is_no_bug_of_ours(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(TREE, tree)
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    for path in chance.sample(FILES, EDITED):
        edit(tree / path.relative_to(TREE), chance)
    for base, head in ((TREE, tree), (tree, TREE)):
        code = main(["diff", str(base), str(head), "--format", "json"])
        assert code != BROKEN, capsys.readouterr().err


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_a_number_of_nodes_that_is_none_is_no_bug_of_ours(
    junk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(TREE, tree)
    pool = next(path for path in tree.glob("cloud/*.yaml") if "totalMinNodeCount" in path.read_text())
    text = pool.read_text()
    before = next(line for line in text.splitlines() if "totalMinNodeCount" in line)
    flow = yaml.safe_dump(junk, default_flow_style=True).removesuffix("...\n").strip()
    pool.write_text(text.replace(before, f"{before.partition(':')[0]}: {flow}"))
    for base, head in ((TREE, tree), (tree, TREE)):
        assert main(["diff", str(base), str(head)]) != BROKEN, capsys.readouterr().err
