"""The real CLI and provider on a copy of the repository, without a cluster: what a person sees of `pulumi`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .checkout import NOBODY, Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """The repository as a person has it, with a kubeconfig that leads nowhere."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(NOBODY)
    return Checkout(tmp_path, "local", kubeconfig)


def test_a_preview_without_a_cluster_shows_the_plan_and_warns(checkout: Checkout) -> None:
    answer = checkout.run("preview")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "11 to create" in answer.stdout
    assert "does not answer" in answer.stdout


def test_an_up_without_a_cluster_changes_nothing_and_says_why(checkout: Checkout) -> None:
    answer = checkout.run("up", "--yes", "--skip-preview")
    assert answer.returncode != 0
    assert "does not answer" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    made = [resource["type"] for resource in checkout.state()["resources"]]
    assert [token for token in made if token.startswith("kubernetes:")] == []


def test_a_misspelt_section_is_refused_with_the_right_one(checkout: Checkout) -> None:
    checkout.file.write_text(checkout.file.read_text().replace("inference:models:", "inference:modles:"))
    answer = checkout.run("preview")
    assert answer.returncode != 0
    assert "modles: unknown section; did you mean models?" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr


def test_the_policy_pack_tells_what_the_proofs_find(checkout: Checkout) -> None:
    pinned = checkout.file.read_text()
    told = checkout.done("preview", "--policy-pack", "policy")
    assert "inference-proofs@v0.1.0" in told
    assert "[advisory]" not in told

    checkout.file.write_text(re.sub(r"@sha256:[0-9a-f]{64}", "", pinned))
    told = checkout.done("preview", "--policy-pack", "policy")
    assert "[advisory]  image-without-digest  (inference:index:ModelServer: qwen)" in told
