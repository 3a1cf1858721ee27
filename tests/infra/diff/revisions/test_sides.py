"""The two sides of a diff: each revision by its own code, as seldom as possible, and what cannot be read told."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from infra.diff.revisions import checkouts, isolated, locks, revisions, sides
from infra.diff.revisions.revisions import resolve
from infra.diff.revisions.sides import How, Sides, adopted, read_sides
from infra.diff.snapshots.from_plan import snapshot_of
from infra.diff.snapshots.serial import from_json, to_json
from infra.diff.snapshots.snapshot import Resource, Snapshot
from infra.plan.environments import Loaded, UsageError, load
from infra.render.render import render
from infra.stack.stackfile import load_project
from infra.terminal.fork import Beside, beside

from ..repository import LOCAL, ROOT, Repo

HOW = How(date(2026, 11, 21))
WRONG = LOCAL.replace("inference:models:", "inference:modls:")


def read(base: str, head: str, *names: str) -> Sides:
    return read_sides(resolve(base), resolve(head), names, HOW)


def both(found: Sides, name: str) -> tuple[Snapshot, Snapshot]:
    base, head = found.pairs[name]
    assert base is not None
    assert head is not None
    return base, head


def replicas(snapshot: Snapshot) -> int:
    found: int = next(one for one in snapshot.resources if one.kind == "Deployment").properties["spec"]["replicas"]
    return found


def scaled(text: str = LOCAL, to: int = 3) -> str:
    return text.replace("      shared_memory: 64Mi", f"      shared_memory: 64Mi\n      replicas: {to}")


def test_two_revisions_and_the_files_as_they_are_differ_as_they_were_written(repo: Repo) -> None:
    repo.stack("local", scaled(to=2))
    repo.commit()
    repo.stack("local", scaled(to=3))
    base, head = both(read("HEAD~1", "HEAD"), "local")
    assert (replicas(base), replicas(head)) == (1, 2)
    base, head = both(read("HEAD", "."), "local")
    assert (replicas(base), replicas(head)) == (2, 3)
    assert base.file == head.file == "stacks/Pulumi.local.yaml"
    assert head.lines["models.qwen"] == base.lines["models.qwen"]


def test_names_of_the_sides_are_those_a_person_gave(repo: Repo) -> None:
    short = repo.git("rev-parse", "--short=7", "HEAD")
    found = read("main", ".")
    assert (found.base, found.head) == (f"main ({short})", "the working tree")


def test_an_unchanged_environment_is_planned_once(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[str] = []

    def counted(loaded: Loaded, **options: Any) -> Snapshot:
        planned.append(options["file"])
        return snapshot_of(loaded, **options)

    monkeypatch.setattr(sides, "can_fork", lambda: False)
    monkeypatch.setattr(sides, "snapshot_of", counted)
    repo.stack("other")
    repo.commit()
    repo.stack("local", scaled())
    base, head = both(read("HEAD", "."), "other")
    assert base is head
    assert sorted(planned) == ["stacks/Pulumi.local.yaml"] * 2 + ["stacks/Pulumi.other.yaml"]


def test_a_change_of_pulumi_yaml_plans_all_again(repo: Repo) -> None:
    repo.write("Pulumi.yaml", (repo.folder / "Pulumi.yaml").read_text() + "\n# changed\n")
    base, head = both(read("HEAD", "."), "local")
    assert base is not head


def test_two_processes_plan_what_one_does(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        repo.stack(f"env-{number}", scaled(to=number + 2))
    repo.commit()
    repo.stack("env-1", scaled(to=9))
    repo.stack("env-2", WRONG)
    started: list[object] = []

    def counted(work: Callable[[], Any]) -> AbstractContextManager[Beside[Any]]:
        started.append(work)
        return beside(work)

    monkeypatch.setattr(sides, "beside", counted)
    monkeypatch.setattr(sides, "can_fork", lambda: True)
    together = read("HEAD", ".")
    assert len(started) == 1
    monkeypatch.setattr(sides, "can_fork", lambda: False)
    assert read("HEAD", ".") == together


def test_an_environment_that_came_or_went_has_one_side(repo: Repo) -> None:
    repo.stack("new")
    (repo.folder / "stacks/Pulumi.local.yaml").unlink()
    found = read("HEAD", ".")
    assert found.pairs["new"][0] is None
    assert found.pairs["local"][1] is None
    assert list(read("HEAD", ".", "new").pairs) == ["new"]


def test_a_base_that_does_not_load_is_told_and_the_head_read(repo: Repo) -> None:
    repo.stack("local", WRONG)
    repo.commit()
    repo.stack("local", LOCAL)
    base, head = both(read("HEAD", "."), "local")
    line = 1 + WRONG.splitlines().index("  inference:modls:")
    assert base.errors == (f"stacks/Pulumi.local.yaml:{line}  modls  unknown section; did you mean models?",)
    assert head.resources


def test_a_head_that_does_not_load_leaves_the_base(repo: Repo) -> None:
    repo.stack("local", WRONG)
    base, head = both(read("HEAD", "."), "local")
    assert base.resources
    assert "did you mean models?" in head.errors[0]


def test_a_base_whose_project_file_is_broken_is_told_for_every_environment(repo: Repo) -> None:
    good = (repo.folder / "Pulumi.yaml").read_text()
    repo.write("Pulumi.yaml", "name: [\n")
    repo.commit()
    repo.write("Pulumi.yaml", good)
    base, head = both(read("HEAD", "."), "local")
    assert base.errors[0].startswith("Pulumi.yaml:")
    assert head.resources
    repo.write("Pulumi.yaml", "name: [\n")
    with pytest.raises(UsageError, match=r"Pulumi\.yaml:"):
        read("HEAD", ".")


def test_a_base_from_before_the_project_has_nothing_and_says_so(repo: Repo) -> None:
    repo.git("checkout", "--quiet", "--orphan", "early")
    repo.git("rm", "--quiet", "-r", "--cached", ".")
    repo.git("commit", "--quiet", "--allow-empty", "--message", "empty")
    short = repo.git("rev-parse", "--short=7", "HEAD")
    found = read("HEAD", ".")
    assert found.pairs["local"][0] is None
    assert found.notes == (f"HEAD ({short}) has no Pulumi.yaml here: it is from before this project",)


def test_a_revision_runs_its_own_code_and_gets_no_variable_it_needs_not(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    repo.with_code()
    commit = repo.commit()
    for name in (
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "PULUMI_CONFIG_PASSPHRASE",
        "PYTHONPATH",
        "HOME",
        "KUBECONFIG",
    ):
        monkeypatch.setenv(name, "hidden")
    # In another repository, the code that runs now is not that of the files either.
    base, _ = both(read("HEAD~1", "HEAD"), "local")
    found = read("HEAD", "HEAD~1").pairs["local"][0]
    assert found is not None
    variables, arguments, python, folder = found.notes
    assert set(variables.split()) <= {*isolated._KEPT, "PYTHONUTF8", "LC_CTYPE", "PWD", "SHLVL", "_"}
    assert arguments == "snapshot --today 2026-11-21 -- local"
    assert python == sys.executable
    assert Path(folder) == cache / "revisions" / commit
    assert base.resources  # its files are read by the code that runs now


def test_a_revision_that_runs_leaves_the_working_tree_alone(repo: Repo) -> None:
    repo.with_code()
    repo.commit()
    repo.write("infra/cli.py", "raise SystemExit('the working tree ran')\n")
    base, head = both(read("HEAD", "."), "local")
    assert base.errors == ()
    assert head.errors == ("the working tree ran",)
    assert not (repo.folder / ".ran").exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def main(arguments):\n    raise RuntimeError('its own bug')\n", "RuntimeError: its own bug"),
        ("def main(arguments):\n    print('[]')\n", "what it printed is no JSON of `infra snapshot`"),
        ("def main(arguments):\n    print('{\"environments\": [')\n", "what it printed is no JSON of `infra snapshot`"),
        ("def main(arguments):\n    return 3\n", "its code ended with 3 and said nothing"),
        (
            "def main(arguments):\n    print('{\"environments\": []}')\n",
            "`infra snapshot` of its code left it out",
        ),
        (
            "import sys\ndef main(_):\n    sys.stderr.write(\"infra: No such command 'snapshot'.\")\n    return 2\n",
            "its code has no `infra snapshot`; check it out, render it, and compare the rendered folders",
        ),
        ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
    ],
)
def test_code_that_breaks_is_told_and_the_head_read(repo: Repo, code: str, words: str) -> None:
    repo.with_code(code)
    repo.commit()
    shutil.rmtree(repo.folder / "infra")
    base, head = both(read("HEAD", "."), "local")
    assert base.errors[-1] == words
    assert head.resources


def test_code_that_never_ends_is_ended(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.with_code("import time\ntime.sleep(60)\n")
    repo.commit()
    shutil.rmtree(repo.folder / "infra")
    monkeypatch.setattr(isolated, "SECONDS", 0.5)
    base, _ = both(read("HEAD", "."), "local")
    assert base.errors == ("its code did not end in 0.5 s",)


def own_repository(folder: Path) -> Repo:
    """A repository with a copy of the code that runs now."""
    made = Repo(folder)
    for name in ("components", "infra", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ("dev", "prod"):
        shutil.copy(ROOT / f"stacks/Pulumi.{name}.yaml", folder / "stacks")
    made.commit()
    return made


def test_the_same_code_needs_no_process_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    own = own_repository(tmp_path / "own")
    own.stack("dev", scaled(LOCAL))
    own.commit()
    monkeypatch.chdir(own.folder)
    slow = read("HEAD~1", "HEAD")
    assert (cache / "revisions").is_dir()
    monkeypatch.setattr(revisions, "RUNNING", own.folder)
    monkeypatch.setattr(sides, "Isolated", None)  # a process would fail
    fast = read("HEAD~1", "HEAD")
    assert fast.pairs.keys() == slow.pairs.keys() == {"dev", "prod"}
    for name, pair in fast.pairs.items():
        for one, other in zip(pair, slow.pairs[name], strict=True):
            assert one is not None
            assert other is not None
            assert from_json(json.loads(json.dumps(to_json(one)))) == other


def test_code_counts_as_the_same_while_every_file_that_plans_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_repository(tmp_path / "own")
    monkeypatch.chdir(own.folder)
    monkeypatch.setattr(revisions, "RUNNING", own.folder)
    source = resolve("HEAD")
    assert isinstance(source, revisions.Revision)
    assert source.is_running_code()
    for path in ("stacks/Pulumi.new.yaml", "infra/comment/text.py", "infra/publish/github.py", "pyproject.toml"):
        own.write(path, LOCAL)
        assert source.is_running_code()
    own.write("components/new.py", "")
    assert not source.is_running_code()
    (own.folder / "components/new.py").unlink()
    own.write("requirements/preview.txt", "")
    assert not source.is_running_code()


def imported(path: Path) -> Iterator[Path]:
    """The files of ours that a file imports, inside functions too."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *filter(None, [node.module])))
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        stems = [ROOT.joinpath(*name.split(".")) for name in names]
        yield from (
            file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()
        )


def test_the_code_that_decides_a_snapshot_is_what_its_makers_import() -> None:
    waiting = [ROOT / "infra/plan/environments.py", ROOT / "infra/diff/snapshots/from_plan.py"]
    files: set[Path] = set()
    while waiting:
        if (path := waiting.pop()) not in files:
            files.add(path)
            waiting += imported(path)
    modules = [path.relative_to(ROOT) for path in files if path.name != "__init__.py"]
    rooms = [Path(room) for room in revisions.PLANNER if not room.startswith("requirements/")]
    assert [path for path in modules if not any(path.is_relative_to(room) for room in rooms)] == []
    assert [room for room in rooms if not any(path.is_relative_to(room) for path in modules)] == []


def test_a_revision_is_kept_and_those_not_used_for_long_are_not(repo: Repo, cache: Path) -> None:
    repo.with_code()
    commit = repo.commit()
    kept = cache / "revisions"
    for number in range(12):
        old = kept / f"old-{number}"
        old.mkdir(parents=True)
        subprocess.run(["touch", "-d", "2020-01-01", old], check=True)
    read("HEAD", "HEAD~1")
    left = {path.name for path in kept.iterdir()}
    assert commit in left
    assert len(left) == checkouts._KEPT_REVISIONS + 1
    ran = (kept / commit / ".ran").stat().st_mtime_ns
    read("HEAD", "HEAD~1")
    assert (kept / commit / ".ran").stat().st_mtime_ns > ran


def test_without_a_cache_a_revision_is_read_all_the_same(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.with_code()
    repo.commit()
    repo.write("file", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(repo.folder / "file"))
    base, _ = both(read("HEAD", "HEAD~1"), "local")
    assert not base.errors


def test_a_base_with_another_lock_runs_with_the_packages_of_that_lock(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    asked: list[bytes] = []

    def install(lock: bytes) -> Path:
        asked.append(lock)
        return python

    monkeypatch.setattr(isolated, "python_of", install)
    repo.with_code()
    repo.write(locks.LOCK, "other==1\n")
    repo.commit()
    base, _ = both(read("HEAD", "HEAD~1"), "local")
    assert asked == [b"other==1\n"]
    assert base.notes[2] == str(python)


def test_a_lock_that_cannot_be_installed_is_told_and_ours_is_used(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(lock: bytes) -> Path:
        raise locks.LockError("no network")

    monkeypatch.setattr(isolated, "python_of", refuse)
    repo.with_code()
    repo.write(locks.LOCK, "other==1\n")
    repo.commit()
    short = repo.git("rev-parse", "--short=7", "HEAD")
    base, _ = both(read("HEAD", "HEAD~1"), "local")
    assert base.notes[0] == (
        f"HEAD ({short}) has another requirements/preview.txt, which could not be installed (no network): "
        "it ran with the packages of now"
    )
    assert base.notes[3] == sys.executable


def rendered(folder: Path, text: str = LOCAL) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    stack = folder.parent / "Pulumi.local.yaml"
    stack.write_text(text)
    render(load(stack, load_project(ROOT)).plan, folder)
    return folder


def test_a_rendered_folder_against_the_files_takes_their_components(repo: Repo) -> None:
    rendered(repo.folder / "out" / "local", scaled())
    base, head = both(read("out", "."), "local")
    assert (replicas(base), replicas(head)) == (3, 1)
    assert {one.component for one in base.resources} == {one.component for one in head.resources}
    assert list(read("out/local", ".").pairs) == ["local"]


def test_a_folder_of_another_name_needs_to_be_told_which_environment_it_is(repo: Repo) -> None:
    repo.stack("other")
    rendered(repo.folder / "built")
    with pytest.raises(UsageError) as refused:
        read("built", ".")
    assert str(refused.value) == "built: which environment is it? give --env, one of local, other"
    assert list(read("built", ".", "other").pairs) == ["other"]


def test_a_rendered_folder_says_itself_which_cloud_resources_are_protected() -> None:
    def one(kind: str, protect: bool, component: str) -> Snapshot:
        at = ("a",) if component else ()
        return Snapshot("dev", (Resource("x", kind, "X", "", "x", component, at, "", {}, protect),))

    for kind, told in (("kubernetes:v1:X", True), ("gcp:container/nodePool:NodePool", False)):
        found, _ = adopted(one(kind, False, ""), one(kind, True, "X/x"))
        assert found is not None
        assert (found.resources[0].component, found.resources[0].protect) == ("X/x", told)
