"""Many changes that say the same are one row, in words that hold for each of them."""

from __future__ import annotations

import pytest

from infra.comment.groups import rows
from infra.diff.changes.report import EnvironmentDiff, Headline


def environment(*headlines: Headline) -> EnvironmentDiff:
    return EnvironmentDiff("prod", "changed", headlines=headlines)


def model(name: str, what: str, means: str = "", effect: str = "restarted") -> Headline:
    return Headline(f"ModelServer/{name}", ("models", name), effect, what, means)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "means", "told", "meant"),
    [
        ("`NEW` restarts: image 1 → 2", "2 pods without `NEW`", "2 models restart: image 1 → 2 (`a` and `b`)",
         "each: 2 pods without it"),
        ("`NEW`: 1 → 2 pods", "", "2 models: 1 → 2 pods (`a` and `b`)", ""),
        ("`NEW` is replaced", "call `NEW.other`", "2 models are replaced (`a` and `b`)", "each: call `NAME.other`"),
        ("`old-NEW` is renamed: it becomes `NEW`", "clients of `old-NEW` must call `NEW`",
         "2 models are renamed (`old-a` → `a` and `old-b` → `b`)",
         "each: clients of the old name must call the new name"),
    ],
)  # fmt: skip
def test_what_happens_to_several_is_told_once(what: str, means: str, told: str, meant: str) -> None:
    (row,) = rows(environment(*(model(name, what.replace("NEW", name), means.replace("NEW", name)) for name in "ab")))
    assert (row.what, row.means, row.components) == (told, meant, 2)


def test_pools_that_are_renamed_are_pools() -> None:
    what = "pool `old-NEW` is renamed: it becomes pool `NEW`"
    pools = [Headline(f"GpuNodePool/{n}", ("node_pools", n), "replaced", what.replace("NEW", n), "") for n in "ab"]
    assert rows(environment(*pools))[0].what == "2 pools are renamed (`old-a` → `a` and `old-b` → `b`)"


def test_renames_and_what_else_happens_stay_apart() -> None:
    renamed = model("a", "`old` is renamed: it becomes `a`", effect="replaced")
    assert len(rows(environment(renamed, model("b", "`b` is replaced", effect="replaced")))) == 2


def test_objects_of_one_name_that_belong_to_no_component_are_counted() -> None:
    one = Headline("", (), "removed", "NetworkPolicy `default-deny` is removed", "")
    (row,) = rows(environment(one, one))
    assert row.what == "NetworkPolicy `default-deny` is removed (2 of that name)"
