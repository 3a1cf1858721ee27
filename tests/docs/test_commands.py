"""Every command in the documentation exists, with the options it is given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
import typer

from infra.commands import app
from tests.docs.pages import ROOT, blocks

PULUMI = {
    "cancel": ("-s",),
    "config set": ("-s", "--secret"),
    "destroy": ("-s",),
    "login": (),
    "preview": ("-s", "--refresh", "--json"),
    "refresh": ("-s", "--clear-pending-creates"),
    "stack init": ("--secrets-provider",),
    "stack output": ("-s",),
    "stack rm": ("--preserve-config",),
    "state unprotect": (),
    "up": ("-s", "--policy-pack", "--policy-pack-config", "--refresh"),
}
"""Pulumi's commands that the pages use, each with the options they use; tests/cluster/pulumi asks the CLI for them."""
_INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )?(?:\.venv/bin/infra|infra|make|pulumi) [a-z][^`]*)`")
_TOOLS = ("cd", "curl", "export", "gcloud", "helm", "kind", "kubectl", "mkdir", "pip", "sh")
"""What else a block may call: programs that readers have, or are told to install."""


def _commands() -> Iterator[tuple[str, list[str]]]:
    for block in blocks("sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            yield str(block), shlex.split(line, comments=True)
    for page in [ROOT / "README.md", *(ROOT / "docs/how-to").glob("*.md")]:
        for command in _INLINE.findall(page.read_text(encoding="utf-8")):
            yield page.name, shlex.split(command)


COMMANDS = [
    (place, words[1:] if "=" in words[0] and words[0].partition("=")[0].isupper() else words)
    for place, words in _commands()
    if words
]


def _calls(*programs: str) -> list[tuple[str, list[str]]]:
    return [(place, words[1:]) for place, words in COMMANDS if words[0] in programs]


def test_every_program_that_a_page_calls_is_known() -> None:
    known = {*_TOOLS, "make", "pulumi", ".venv/bin/infra", "infra"}
    assert {words[0] for _, words in COMMANDS} <= known


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = {words[0] for _, words in _calls("make")}
    assert used
    assert used <= targets


@pytest.mark.parametrize(("place", "words"), _calls("infra", ".venv/bin/infra"), ids=str)
def test_an_infra_command_takes_the_options_it_is_given(place: str, words: list[str]) -> None:
    command = typer.main.get_command(app)
    found = command.get_command(command.make_context("infra", words[:1]), words[0])  # type: ignore[attr-defined]
    assert found, place
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words[1:] if word.startswith("-")} <= known


@pytest.mark.parametrize(("place", "words"), _calls("pulumi"), ids=str)
def test_a_pulumi_command_is_one_of_those_we_know(place: str, words: list[str]) -> None:
    name = next((name for name in PULUMI if words[: len(name.split())] == name.split()), None)
    assert name is not None, place
    options = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert options <= {*PULUMI[name]}
