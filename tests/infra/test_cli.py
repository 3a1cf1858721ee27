"""The command line as its users meet it: what it prints where, what it exits with, and that it never breaks down."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.core.errors import InferenceError
from infra import cli, commands
from infra.stack.stackfile import load_project, stack_paths

ROOT = Path(__file__).resolve().parents[2]
INFRA = [sys.executable, "-c", "import sys; from infra.cli import main; sys.exit(main())"]
NAMES = sorted(stack_paths(ROOT, load_project(ROOT)))
LOCAL = (ROOT / "stacks" / "Pulumi.local.yaml").read_text()
WRONG = (
    "config:\n  inference:cluster: {kind: kubeconfig}\n  inference:modls: {}\n  inference:traffic: {a: {modle: x}}\n"
)
MOVING = LOCAL.replace("@sha256:823b6f019cafbee8878dfdd0d4750eae4f81dfafb60dc1fbefb66794a59903c8", "").replace(
    ":server-b9994", ":latest"
)
PULUMI_AND_FRIENDS = ("grpc", "jinja2", "jsonschema", "kubernetes", "pulumi", "pulumi_gcp", "pulumi_kubernetes", "rich")


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def stack(folder: Path, text: str, name: str = "Pulumi.mine.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def copy_of_project(folder: Path, *names: str) -> Path:
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    (folder / "stacks").mkdir()
    for name in names:
        shutil.copy(ROOT / "stacks" / f"Pulumi.{name}.yaml", folder / "stacks")
    return folder


def run_in(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | variables
    return subprocess.run(
        [*INFRA, *arguments], cwd=folder, env=environment, check=False, capture_output=True, text=True
    )


@pytest.mark.usefixtures("at_root")
class TestCheck:
    def test_all_shipped_environments_are_proved(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check"]) == 0

        rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()[-len(NAMES) :]]
        assert rows == NAMES

    def test_environments_are_checked_in_the_order_they_are_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check", "local", "dev", "--format", "json"]) == 0

        found = json.loads(capsys.readouterr().out)["environments"]
        assert [entry["environment"] for entry in found] == ["local", "dev"]

    def test_an_unknown_environment_is_answered_with_the_nearest_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check", "prd", "zzz"]) == 2

        shown = capsys.readouterr()
        assert shown.out == ""
        assert 'no environment "prd"; did you mean prod?' in shown.err
        assert 'no environment "zzz"; use one of: dev, local, prod, staging' in shown.err

    def test_every_problem_of_a_file_goes_to_stderr_with_its_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = stack(tmp_path, WRONG)

        assert cli.main(["check", "--stack", path, "--format", "short"]) == 2

        shown = capsys.readouterr()
        assert shown.out == ""
        lines = [int(line.partition("  ")[0].rpartition(":")[2]) for line in shown.err.splitlines()]
        assert lines == sorted(lines)
        assert set(lines) == {3, 4}
        assert "did you mean models?" in shown.err
        assert "traffic.a.modle" in shown.err

    def test_advice_stands_below_its_place(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = stack(tmp_path, WRONG)

        assert cli.main(["check", "--stack", path]) == 2

        lines = capsys.readouterr().err.splitlines()
        assert lines[0] == f"{path}:3  modls"
        assert lines[1].startswith("  unknown section; did you mean models?")

    def test_a_finding_refuses_with_1_and_goes_to_stdout(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = stack(tmp_path, MOVING)

        assert cli.main(["check", "--stack", path]) == 1

        shown = capsys.readouterr()
        assert shown.err == ""
        assert re.search(r"Pulumi\.mine\.yaml:\d+  models\.qwen\.engine\.image  \[moving-image\]\n  \S", shown.out)
        assert "docs/proofs/moving-image.md" in shown.out
        assert "1 error" in shown.out

    def test_one_bad_environment_does_not_hide_the_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project = copy_of_project(tmp_path, "local")
        stack(project / "stacks", WRONG, "Pulumi.bad.yaml")
        stack(project / "stacks", MOVING, "Pulumi.moving.yaml")
        monkeypatch.chdir(project)

        assert cli.main(["check", "--format", "json"]) == 2

        codes = {
            entry["environment"]: entry["exit_code"] for entry in json.loads(capsys.readouterr().out)["environments"]
        }
        assert codes == {"bad": 2, "local": 0, "moving": 1}

    def test_a_waiver_holds_through_its_last_day(self, tmp_path: Path) -> None:
        waiver = '{rule: moving-image, reason: the mirror is not there yet, until: "2026-12-31"}'
        path = stack(tmp_path, f"{MOVING}\n  inference:policy: {{waive: [{waiver}]}}\n")

        assert cli.main(["check", "--stack", path, "--today", "2026-12-31"]) == 0
        assert cli.main(["check", "--stack", path, "--today", "2027-01-01"]) == 1

    def test_a_waiver_is_told_two_weeks_before_it_ends(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        waiver = '{rule: moving-image, reason: the mirror is not there yet, until: "2026-12-31"}'
        path = stack(tmp_path, f"{MOVING}\n  inference:policy: {{waive: [{waiver}]}}\n")

        for day, told in (("2026-12-16", False), ("2026-12-17", True), ("2026-12-31", True)):
            assert cli.main(["check", "--stack", path, "--today", day]) == 0
            assert ("a waiver of moving-image ends on 2026-12-31" in capsys.readouterr().out) is told

    @pytest.mark.parametrize("day", ["tomorrow", "2026-13-01", "", "20261301x"])
    def test_a_day_that_is_none_is_refused(self, day: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check", "--today", day]) == 2
        assert "YYYY-MM-DD" in capsys.readouterr().err

    def test_a_file_and_a_name_together_are_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check", "dev", "--stack", "x.yaml"]) == 2
        assert "not both" in capsys.readouterr().err

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
    def test_no_file_breaks_it(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "Pulumi.odd.yaml"
        path.write_bytes(content)

        assert cli.main(["check", "--stack", str(path)]) == 2

    def test_nothing_from_a_file_steers_the_terminal(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = stack(tmp_path, 'config:\n  inference:cluster: {kind: "\\e[31mred\\a"}\n')

        assert cli.main(["check", "--stack", path]) == 2
        shown = capsys.readouterr().err
        assert "\x1b" not in shown
        assert "red" in shown


@pytest.mark.usefixtures("at_root")
class TestRender:
    def test_a_tree_is_written_where_it_was_asked_for(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["render", "prod", "-o", str(tmp_path / "out")]) == 0

        assert (tmp_path / "out" / "kubernetes" / "production" / "deployment-arr-coc-vlm.yaml").is_file()
        assert re.fullmatch(r"\d+ files, \d+ kB, in .*out\n", capsys.readouterr().out)

    def test_a_foreign_folder_is_left_alone(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "mine.txt").write_text("mine")

        assert cli.main(["render", "prod", "-o", str(tmp_path)]) == 2
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
        assert "was not written by `infra render`" in capsys.readouterr().err

    def test_a_bad_file_writes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project = copy_of_project(tmp_path)
        stack(project / "stacks", WRONG, "Pulumi.bad.yaml")
        monkeypatch.chdir(project)

        assert cli.main(["render", "bad", "-o", "out"]) == 2
        assert not (project / "out").exists()
        assert "stacks/Pulumi.bad.yaml:3  modls" in capsys.readouterr().err


@pytest.mark.usefixtures("at_root")
class TestGraphAndSchema:
    def test_a_graph_is_mermaid_by_default_and_svg_by_its_ending(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main(["graph", "prod"]) == 0
        assert "flowchart LR" in capsys.readouterr().out
        assert cli.main(["graph", "prod", "-o", str(tmp_path / "x.svg")]) == 0
        assert (tmp_path / "x.svg").read_text().startswith("<svg")
        assert cli.main(["graph", "prod", "-o", str(tmp_path / "x.txt"), "--format", "svg"]) == 0
        assert (tmp_path / "x.txt").read_text().startswith("<svg")

    def test_a_schema_that_is_old_is_told(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "schema.json"

        assert cli.main(["schema", "-o", str(path)]) == 0
        assert cli.main(["schema", "-o", str(path), "--check"]) == 0
        path.write_text("{}")
        assert cli.main(["schema", "-o", str(path), "--check"]) == 1
        assert path.read_text() == "{}"
        assert "make schema" in capsys.readouterr().err


class TestPreview:
    def test_proved_environments_are_rendered_and_the_others_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project = copy_of_project(tmp_path, "local", "prod")
        stack(project / "stacks", MOVING, "Pulumi.moving.yaml")
        monkeypatch.chdir(project)

        assert cli.main(["preview"]) == 1

        assert sorted(path.name for path in (project / "out").iterdir()) == ["local", "prod"]
        shown = capsys.readouterr().out
        assert "[moving-image]" in shown
        assert "rendered to out/   next: .venv/bin/infra graph prod · make up ENV=local" in shown

    def test_a_program_is_told_what_was_found_what_it_costs_and_where_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project = copy_of_project(tmp_path, "local", "dev")
        stack(project / "stacks", MOVING, "Pulumi.moving.yaml")
        stack(project / "stacks", WRONG, "Pulumi.wrong.yaml")
        monkeypatch.chdir(project)

        assert cli.main(["preview", "--format", "json"]) == 2

        told = {one["environment"]: one for one in json.loads(capsys.readouterr().out)["environments"]}
        assert {name: one["rendered"] for name, one in told.items()} == {
            "dev": "out/dev", "local": "out/local", "moving": None, "wrong": None
        }  # fmt: skip
        assert [finding["rule"] for finding in told["moving"]["findings"]] == ["moving-image"]
        assert told["dev"]["cost"]["total"]["max_usd"] > 0
        assert told["wrong"]["cost"] is None


class TestEdges:
    def test_every_command_that_tells_findings_or_figures_tells_them_as_json(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        told, others = set(), {"docker", "graph", "render", "schema", "snapshot"}  # the last prints nothing but JSON
        names = {one.name or one.callback.__name__ for one in commands.app.registered_commands if one.callback}
        for name in names:
            cli.main([name, "--help"])
            told |= {name} if re.search(r"--format <[][a-z|]*json", capsys.readouterr().out) else set()
        assert told == names - others

    def test_without_a_command_the_help_goes_to_stderr(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main([]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "Usage: infra" in shown.err

    @pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["schema", "--help"], ["--version"]])
    def test_help_and_version_are_results(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(arguments) == 0
        assert capsys.readouterr().out

    @pytest.mark.parametrize(
        "arguments",
        [["fly"], ["check", "--fast"], ["render", "prod"], ["graph", "prod", "--format", "png"], ["schema", "x"]],
    )
    def test_wrong_usage_exits_with_2_in_words(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(arguments) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("infra: ")
        assert "--help" in shown.err

    def test_it_works_in_any_folder_of_the_project_and_names_files_from_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project = copy_of_project(tmp_path)
        stack(project / "stacks", WRONG, "Pulumi.bad.yaml")
        (project / "docs" / "deep").mkdir(parents=True)
        monkeypatch.chdir(project / "docs" / "deep")

        assert cli.main(["check"]) == 2
        assert "../../stacks/Pulumi.bad.yaml:3" in capsys.readouterr().err

    def test_outside_a_project_it_says_so_and_still_checks_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)

        assert cli.main(["check"]) == 2
        assert "no Pulumi.yaml here" in capsys.readouterr().err
        assert cli.main(["check", "--stack", stack(tmp_path, LOCAL)]) == 0

    def test_a_working_folder_that_is_gone_is_answered_in_words(self, tmp_path: Path) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        command = f"rmdir {gone}; {sys.executable} -P -c '{INFRA[-1]}' check"

        done = subprocess.run(["sh", "-c", command], cwd=gone, check=False, capture_output=True, text=True)

        assert done.returncode == 2
        assert done.stderr == "infra: no Pulumi.yaml here or in any folder above; run it inside the repository\n"

    def test_a_closed_pipe_ends_it_silently(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            done = subprocess.run([*INFRA, "schema"], cwd=ROOT, check=False, stdout=pipe, stderr=subprocess.PIPE)

        assert done.returncode == cli.UNREAD
        assert done.stderr == b""

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not on this system; Linux has it")
    def test_a_full_disk_is_told(self) -> None:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([*INFRA, "check"], cwd=ROOT, check=False, stdout=full, stderr=subprocess.PIPE)

        assert done.returncode == 2
        assert done.stderr.startswith(b"infra: ")
        assert b"Traceback" not in done.stderr

    def test_interrupting_it_is_answered_in_words(self, tmp_path: Path) -> None:
        fifo = tmp_path / "started"
        program = f"import pathlib, sys; pathlib.Path({str(fifo)!r}).touch(); " + INFRA[-1]
        slow = tmp_path / "Pulumi.slow.yaml"
        slow.write_text(
            "config:\n  inference:models:\n" + "".join(f"    m{n}: {{a: [{n}, {n}]}}\n" for n in range(100_000))
        )
        running = subprocess.Popen([sys.executable, "-c", program, "check", "--stack", str(slow)],
                                   cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        while not fifo.exists():
            time.sleep(0.01)
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)

        assert running.returncode == cli.INTERRUPTED
        assert errors == "infra: interrupted\n"

    def test_a_terminal_without_unicode_gets_what_it_can_show(self) -> None:
        done = run_in(ROOT, "check", "dev", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

        assert done.returncode == 0
        assert "\\u2013" in done.stdout

    def test_a_bug_of_ours_is_one_line_without_anybodys_values(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(arguments: list[str]) -> int:
            raise KeyError("hf_verysecrettoken")

        monkeypatch.setattr(commands, "run", broken)
        assert cli.main(["check"]) == cli.BROKEN
        shown = capsys.readouterr().err
        assert re.fullmatch(r"infra: a bug of ours, KeyError at test_cli\.py:\d+; please report it with .*\n", shown)

    def test_an_unexpected_value_error_in_planning_is_a_bug_of_ours(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(*arguments: object) -> object:
            return int("x")

        monkeypatch.setattr("infra.plan.planning.assemble", broken)
        assert cli.main(["check", "dev"]) == cli.BROKEN
        assert re.fullmatch(
            r"infra: a bug of ours, ValueError at test_cli\.py:\d+; please report it with .*\n", capsys.readouterr().err
        )

    def test_what_a_person_has_to_put_right_is_bad_input(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refusing(*arguments: object) -> object:
            raise InferenceError("the moon is full; wait a day")

        monkeypatch.setattr("infra.plan.planning.assemble", refusing)
        assert cli.main(["check", "dev"]) == cli.BAD_INPUT
        assert capsys.readouterr().err == "infra: the moon is full; wait a day\n"

    @pytest.mark.parametrize("error", [RecursionError, MemoryError])
    def test_input_that_is_too_much_is_bad_input(
        self, error: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(arguments: list[str]) -> int:
            raise error

        monkeypatch.setattr(commands, "run", broken)
        assert cli.main(["check"]) == 2
        assert "check what is in it" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments",
        [["check"], ["render", "prod", "-o", "OUT"], ["graph", "prod"], ["schema"], ["preview", "-o", "OUT"]],
    )
    def test_no_command_imports_pulumi_or_anything_it_does_not_use(self, arguments: list[str], tmp_path: Path) -> None:
        program = (
            "import sys; from infra.cli import main; code = main(); "
            "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
        )
        given_arguments = [str(tmp_path / "out") if word == "OUT" else word for word in arguments]

        done = subprocess.run(
            [sys.executable, "-c", program, *given_arguments], cwd=ROOT, check=False, capture_output=True, text=True
        )

        assert done.returncode == 0, done.stderr
        assert not set(done.stderr.split()) & set(PULUMI_AND_FRIENDS)
