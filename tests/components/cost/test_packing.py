"""How many nodes pods take."""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from components.core.plan import GPU
from components.cost.packing import nodes_for, share

ROOM = {GPU: 4000, "cpu": 48_000, "memory": 192_000}
ASKED = st.fixed_dictionaries(
    {GPU: st.sampled_from([0, 1000, 2000, 4000]), "cpu": st.integers(0, 48_000), "memory": st.integers(0, 192_000)}
)
PODS = st.lists(st.tuples(ASKED, st.integers(0, 30)), max_size=6)


def test_pods_that_are_alike_fill_nodes() -> None:
    assert nodes_for([({GPU: 1000}, 9)], ROOM) == 3
    assert nodes_for([({GPU: 2000}, 3), ({GPU: 1000}, 2)], ROOM) == 2
    assert nodes_for([({GPU: 1000, "cpu": 40_000}, 2)], ROOM) == 2
    assert nodes_for([], ROOM) == 0
    assert nodes_for([({GPU: 1000}, 0)], ROOM) == 0


def test_small_pods_go_where_large_ones_leave_room() -> None:
    assert nodes_for([({GPU: 3000}, 2), ({GPU: 1000}, 2)], ROOM) == 2


def test_a_pod_that_no_node_holds_takes_none() -> None:
    assert nodes_for([({GPU: 8000}, 3), ({GPU: 4000}, 1)], ROOM) == 1


@given(pods=PODS)
def test_nodes_have_room_for_all_pods_and_no_pod_has_more_than_one(pods: list[tuple[dict[str, int], int]]) -> None:
    nodes = nodes_for(pods, ROOM)
    least = max(ceil(sum(asked[name] * count for asked, count in pods) / size) for name, size in ROOM.items())
    assert least <= nodes <= sum(count for _, count in pods)


@given(asked=ASKED, count=st.integers(1, 500))
def test_pods_alone_take_exactly_what_they_need(asked: dict[str, int], count: int) -> None:
    each = min([ROOM[name] // amount for name, amount in asked.items() if amount], default=count)
    assert nodes_for([(asked, count)], ROOM) == ceil(count / each)


@given(pods=PODS, asked=ASKED)
def test_the_order_in_which_pods_are_given_does_not_matter(
    pods: list[tuple[dict[str, int], int]], asked: dict[str, int]
) -> None:
    assert nodes_for([*pods, (asked, 2)], ROOM) == nodes_for([(asked, 2), *reversed(pods)], ROOM)


def test_a_pod_with_gpus_takes_its_part_of_them_whatever_else_it_asks() -> None:
    assert share({GPU: 1000, "cpu": 47_000}, ROOM) == 0.25
    assert share({"cpu": 12_000, "memory": 96_000}, ROOM) == 0.5
    assert share({}, ROOM) == 0
