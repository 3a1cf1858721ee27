"""Programs are built from their module once, and again when the module is another."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from .binaries import GoModule, MissingToolError
from .modules import CONTROL_PLANE, KUBERNETES_PROVIDER, PULUMI_CLI

PROGRAM = 'package main\n\nvar version string\n\nfunc main() { println(version, "%s") }\n'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoModule:
    """A module without dependencies whose one program says its version and a word."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.test/hello\n\ngo 1.24\n")
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text(PROGRAM % "first")
    return GoModule(folder=folder, title="greeting", packages=".", values=lambda _: {"main.version": "v1.2.3"})


def _says(built: Path, name: str = "hello") -> str:
    return subprocess.run((built / "bin" / name), capture_output=True, text=True, check=True).stderr


def test_a_program_is_built_with_what_the_linker_sets_and_under_the_name_it_is_given(module: GoModule) -> None:
    assert _says(module.installed()) == "v1.2.3 first\n"
    (module.folder / "main.go").write_text(PROGRAM % "another")
    assert _says(replace(module, renamed={"hello": "hi"}).installed(), "hi") == "v1.2.3 another\n"


def test_what_is_built_is_used_again_and_another_source_is_another_program(module: GoModule) -> None:
    first = module.installed()
    made = (first / "bin" / "hello").stat().st_mtime_ns
    assert module.installed() == first
    assert (first / "bin" / "hello").stat().st_mtime_ns == made

    (module.folder / "main.go").write_text(PROGRAM % "second")
    assert _says(module.installed()) == "v1.2.3 second\n"
    assert _says(first) == "v1.2.3 first\n"


def test_a_program_that_cannot_be_built_says_why_and_leaves_nothing_that_looks_built(module: GoModule) -> None:
    (module.folder / "main.go").write_text("package main\n\nfunc main() { nothing() }\n")
    for _ in range(2):
        with pytest.raises(MissingToolError, match=r"the greeting cannot be built:(.|\n)*undefined: nothing"):
            module.installed()


@pytest.mark.parametrize(
    ("ours", "required"),
    [
        (CONTROL_PLANE, {"k8s.io/kubernetes", "sigs.k8s.io/kwok"}),
        (PULUMI_CLI, {"github.com/pulumi/pulumi/pkg/v3"}),
        (KUBERNETES_PROVIDER, {"github.com/pulumi/pulumi-kubernetes/provider/v4"}),
    ],
    ids=lambda value: getattr(value, "title", ""),
)
def test_the_versions_that_programs_say_are_those_of_their_modules(ours: GoModule, required: set[str]) -> None:
    assert required <= ours.versions().keys()
    assert all(ours.values(ours.versions()).values())
