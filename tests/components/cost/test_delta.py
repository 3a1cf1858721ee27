"""The difference of two estimates, on their JSON alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog.prices import HOURS
from components.cost.delta import delta
from components.cost.estimate import estimate

from .plans import L4, model, plan

BANDS = ("min_usd", "expected_usd", "max_usd")
SHARED_DISK = {"kind": "claim", "size": "1Ti", "access_mode": "ReadWriteMany", "storage_class": "ceph"}


def priced(machine: str = "g2-standard-12", pools: tuple[str, ...] = ("l4",), **settings: Any) -> Any:
    made = estimate(plan({name: L4 | {"machine_type": machine} for name in pools}, {"llama": model("l4", **settings)}))
    # As it comes out of a file.
    return json.loads(json.dumps(made.as_json()))


def compared(base: Any, head: Any) -> Any:
    """The difference as a reader of the JSON has it."""
    return delta(base, head)


def test_nothing_changed_is_no_difference() -> None:
    for made in (priced(), priced(cache=SHARED_DISK), priced(autoscaling={"min": 1, "max": 3, "cpu_percent": 80})):
        found = compared(made, made)
        assert (found["lines"], found["models"], found["unknown"]) == ([], [], [])
        assert [found[name] for name in BANDS] == [0, 0, 0]


def test_another_machine_type_is_one_line_that_changed() -> None:
    found = compared(priced(), priced("g2-standard-16"))
    (line,) = found["lines"]
    assert line["before"]["what"] == "g2-standard-12 with 1 L4"
    assert line["after"]["what"] == line["what"] == "g2-standard-16 with 1 L4"
    assert line["max_usd"] == found["max_usd"] == pytest.approx((1.147208303 - 1.000416287) * HOURS, abs=1e-3)
    assert [one["at"] for one in found["models"]] == ["models.llama"]


def test_more_replicas_change_the_maximum_only() -> None:
    scaled = {"min": 1, "max": 2, "cpu_percent": 80}
    found = compared(priced(autoscaling=scaled), priced(autoscaling=scaled | {"max": 5}))
    assert found["min_usd"] == 0
    assert found["max_usd"] == pytest.approx(3 * (1.00041629 * HOURS + 20))
    assert found["expected_usd"] is None, "nothing states it"


def test_a_new_environment_costs_all_of_it_and_one_that_goes_costs_it_no_more() -> None:
    made = priced()
    new, gone = compared(None, made), compared(made, None)
    assert new["base"] is None
    assert new["max_usd"] == made["total"]["max_usd"] == -gone["max_usd"]
    assert all(line["before"] is None for line in new["lines"])
    assert all(line["after"] is None for line in gone["lines"])


def test_a_price_that_is_unknown_on_both_sides_leaves_the_difference_known() -> None:
    found = compared(priced(cache=SHARED_DISK), priced("g2-standard-16", cache=SHARED_DISK))
    assert found["max_usd"] == pytest.approx((1.147208303 - 1.000416287) * HOURS, abs=1e-3)
    assert found["unknown"] == []


def test_a_new_line_without_a_price_makes_the_difference_unknown() -> None:
    found = compared(priced(), priced(cache=SHARED_DISK))
    assert [found[name] for name in BANDS] == [None, None, None]
    assert "what the storage class ceph makes" in found["unknown"][0]


def test_other_dates_and_sources_are_no_difference() -> None:
    later = priced()
    for line in later["lines"]:
        line |= {"as_of": "2027-01-01", "source": "elsewhere"}
    assert compared(priced(), later)["lines"] == []


def test_an_estimate_of_older_code_may_lack_what_is_new() -> None:
    old = priced()
    for line in old["lines"]:
        del line["provisioning"]
    del old["models"]
    del old["total"]["known_max_usd"]
    found = compared(old, priced())
    assert found["max_usd"] == 0


SIDES = st.fixed_dictionaries(
    {
        "machine": st.sampled_from(["g2-standard-12", "g2-standard-16"]),
        "replicas": st.integers(1, 5),
        "disk": st.sampled_from([None, "50Gi", "100Gi"]),
    }
)


def side(given_side: dict[str, Any]) -> Any:
    disk = given_side["disk"]
    cache = {"kind": "claim", "size": disk, "access_mode": "ReadWriteMany"} if disk else {"kind": "node-disk"}
    return priced(given_side["machine"], replicas=given_side["replicas"], cache=cache)


@given(base=SIDES, head=SIDES)
def test_differences_add_up_and_turn_around(base: dict[str, Any], head: dict[str, Any]) -> None:
    before, after = side(base), side(head)
    there, back = compared(before, after), compared(after, before)
    for name in BANDS:
        assert there[name] == pytest.approx(after["total"][name] - before["total"][name], abs=1e-4)
        assert there[name] == pytest.approx(-back[name], abs=1e-4)
        assert there[name] == pytest.approx(sum(line[name] for line in there["lines"]), abs=1e-4)
    assert bool(there["lines"]) == (base != head)
