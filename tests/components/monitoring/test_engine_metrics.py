from __future__ import annotations

import re
from typing import get_args

import pytest

from components.catalog.metrics import Role, emitted, metrics_of, role, role_meanings, roles_absent, roles_of
from components.engines.registry import ENGINES as KINDS

ENGINES = (*(engine.kind for engine in KINDS if "metrics.tsv" not in engine.absent), "dcgm")
SIGNALS: tuple[Role, ...] = ("waiting_requests", "running_requests", "cache_use")


@pytest.mark.parametrize("engine", ENGINES)
def test_no_metric_of_an_engine_stands_twice(engine: str) -> None:
    names = [metric.name for metric in metrics_of(engine)]
    assert names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_row_is_a_metric_prometheus_knows(engine: str) -> None:
    for metric in metrics_of(engine):
        assert metric.kind in {"gauge", "counter", "histogram", "summary"}
        assert metric.role == "" or metric.kind in role_meanings()[metric.role].kinds
        assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", metric.name)
        assert metric.help


@pytest.mark.parametrize(
    ("engine", "queue", "running", "kv"),
    [
        ("tgi", "tgi_queue_size", "tgi_batch_current_size", ""),
        ("vllm", "vllm:num_requests_waiting", "vllm:num_requests_running", "vllm:kv_cache_usage_perc"),
        ("sglang", "sglang:num_queue_reqs", "sglang:num_running_reqs", "sglang:token_usage"),
        ("tei", "te_queue_size", "", ""),
    ],
)
def test_each_engine_has_its_own_name_for_a_role(engine: str, queue: str, running: str, kv: str) -> None:
    assert [roles_of(engine).get(name, "") for name in SIGNALS] == [queue, running, kv]


def test_a_role_is_played_by_one_metric() -> None:
    for engine in ENGINES:
        played = [metric.role for metric in metrics_of(engine) if metric.role]
        assert len(played) == len(set(played))


def test_autoscaling_roles_are_single_numbers() -> None:
    for engine in ("tgi", "vllm", "sglang", "tei"):
        for wanted in SIGNALS:
            name = role(engine, wanted)
            assert not name or emitted(engine)[name] == "gauge"


def test_a_metric_that_came_later_is_not_emitted_by_an_older_release() -> None:
    later = "sglang:request_time_per_output_token_seconds"
    assert later not in emitted("sglang", (0, 5, 21))
    assert later in emitted("sglang", (0, 5, 22))
    assert later in emitted("sglang")


def test_names_that_engines_once_had_are_gone() -> None:
    assert "vllm:gpu_cache_usage_perc" not in emitted("vllm")
    assert "vllm:time_per_output_token_seconds" not in emitted("vllm")
    assert "tgi_batch_total_tokens" not in emitted("tgi")
    assert "gpu_utilization" not in emitted("dcgm")


def test_a_summary_is_no_histogram() -> None:
    assert emitted("tgi")["tgi_request_skipped_tokens"] == "summary"


def test_an_unknown_engine_emits_nothing() -> None:
    assert emitted("unheard-of") == {}
    assert role("unheard-of", "waiting_requests") == ""


def test_every_role_has_its_meaning_and_no_other() -> None:
    assert tuple(role_meanings()) == get_args(Role)


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "dcgm"])
def test_each_role_is_played_by_a_metric_of_the_engine_or_says_why_not(engine: str) -> None:
    played, absent = roles_of(engine), roles_absent(engine)
    assert played.keys() | absent.keys() == set(get_args(Role))
    assert not played.keys() & absent.keys()
    assert set(played.values()) <= emitted(engine).keys()
    assert all(absent.values())


def test_an_older_release_plays_no_role_with_a_metric_that_came_later() -> None:
    assert "time_per_output_token" not in roles_of("sglang", (0, 5, 21))
    assert "time_per_output_token" in roles_of("sglang", (0, 5, 22))
