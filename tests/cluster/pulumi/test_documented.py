"""The real CLI has every command that the documentation uses, with the options it is given."""

from __future__ import annotations

import subprocess

import pytest

from tests.docs.test_commands import PULUMI

from .tools import tool


@pytest.mark.parametrize("command", PULUMI)
def test_the_pulumi_cli_has_the_commands_we_know(command: str) -> None:
    told = subprocess.run(
        [tool("pulumi"), *command.split(), "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert [option for option in PULUMI[command] if option not in told] == []
