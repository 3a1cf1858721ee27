"""The second process that large plans are proved and written with."""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import date
from pathlib import Path

import pytest

from components.core.manifest import metadata, object_item
from components.core.plan import Item, Part, Plan, SecretRef
from components.proofs.rules import RULES
from infra.prove.prove import prove_environment
from infra.render import render
from infra.terminal import fork
from infra.terminal.fork import beside, can_fork
from tests.components.proofs.plans import with_llama

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux renders with a second process")


def _map(number: int, **data: object) -> Item:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(f"map-{number}", "one", {}), "data": data}
    return object_item(f"map-{number}", "test", manifest)


def _plan(*last: Item) -> Plan:
    items = [_map(number, value=str(number)) for number in range(20)]
    return Plan("test", (Part("Test", "test", (*items, *last)),))


def _tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have two processes share every plan."""
    monkeypatch.setattr(fork, "LARGE", 0)
    monkeypatch.setattr(fork, "can_fork", lambda: True)


@pytest.mark.usefixtures("in_two")
def test_two_processes_write_the_tree_that_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _plan(_map(99, token=SecretRef("token")))
    both = render.render(plan, tmp_path / "both")
    monkeypatch.setattr(fork, "can_fork", lambda: False)
    assert render.render(plan, tmp_path / "one") == both
    assert _tree(tmp_path / "both") == _tree(tmp_path / "one")
    assert "map-99" not in (tmp_path / "both/kubernetes/kustomization.yaml").read_text()


@pytest.mark.usefixtures("in_two")
def test_what_the_second_process_cannot_write_is_told_and_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    render.render(_plan(), tmp_path / "tree")
    before = _tree(tmp_path / "tree")
    with pytest.raises(render.RenderError, match=r"Test/test \(map-99\): nan is not a number"):
        render.render(_plan(_map(99, value=float("nan"))), tmp_path / "tree")
    assert _tree(tmp_path / "tree") == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["tree"]


def test_a_second_process_that_is_killed_is_told() -> None:
    with beside(lambda: os.kill(os.getpid(), signal.SIGKILL)) as child, pytest.raises(OSError, match="was ended"):
        child.result()


def test_a_second_process_does_not_outlive_its_block() -> None:
    with pytest.raises(KeyboardInterrupt), beside(threading.Event().wait) as child:
        raise KeyboardInterrupt
    assert not child._child.is_alive()


def test_a_process_with_threads_does_not_fork() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert not can_fork()
    finally:
        done.set()
        thread.join()


@pytest.mark.usefixtures("in_two")
def test_two_processes_find_what_one_finds_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = with_llama(revision="main", model="example/unknown")
    both = prove_environment("test", plan, (), date(2026, 11, 21))
    monkeypatch.setattr(fork, "can_fork", lambda: False)
    assert prove_environment("test", plan, (), date(2026, 11, 21)) == both
    rules = list(RULES)
    halves = {rules.index(finding.rule) < len(rules) // 2 for finding in both.findings}
    assert halves == {True, False}, "each process has found something"
