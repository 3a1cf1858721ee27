"""What an argument of `infra diff` names, and what is said when it names nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.diff.revisions import git
from infra.diff.revisions.git import Repository
from infra.diff.revisions.revisions import Rendered, Revision, WorkingTree, pick, resolve
from infra.plan.environments import UsageError

from ..repository import Repo


def said(text: str) -> str:
    with pytest.raises(UsageError) as refused:
        resolve(text)
    return str(refused.value)


def test_a_branch_a_tag_and_a_commit_are_revisions(repo: Repo) -> None:
    commit = repo.git("rev-parse", "HEAD")
    repo.git("tag", "v1")
    repo.git("update-ref", "refs/remotes/origin/main", commit)
    short = commit[:7]
    for text, name in {
        "HEAD": f"HEAD ({short})",
        "main": f"main ({short})",
        "v1": f"v1 ({short})",
        "origin/main": f"origin/main ({short})",
        "HEAD^0": f"HEAD^0 ({short})",
        commit: short,
        commit[:10]: short,
    }.items():
        found = resolve(text)
        assert isinstance(found, Revision)
        assert (found.name, found.commit) == (name, commit)


def test_a_dot_is_the_working_tree_from_any_folder_of_it(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.folder / "stacks")
    found = resolve(".")
    assert isinstance(found, WorkingTree)
    assert found.root.resolve() == repo.folder


def test_an_unknown_revision_is_told_with_those_that_look_alike(repo: Repo) -> None:
    repo.git("branch", "feature/routes")
    repo.git("tag", "v1.2")
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert said("feature/route") == (
        'there is no revision "feature/route" here; did you mean feature/routes? '
        "it may be on the server only: git fetch"
    )
    assert "did you mean origin/main" in said("orgin/main")
    assert said("7f3a1b9c") == 'there is no revision "7f3a1b9c" here; git fetch brings what the server has'


def test_a_shallow_clone_says_how_to_get_its_history(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit("second")
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.folder}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert said("HEAD~1").splitlines()[1] == (
        "this clone is shallow: git fetch --unshallow, or fetch-depth: 0 for actions/checkout"
    )


@pytest.mark.parametrize("text", ["-x", "--upload-pack=touch pwned", "--output=pwned"])
def test_what_begins_with_a_dash_never_reaches_git(repo: Repo, text: str) -> None:
    assert said(text) == f'got "{text}", which is no revision: git takes none that begins with a dash'
    assert not (repo.folder / "pwned").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got an empty revision; name a branch, a tag, a commit, a rendered folder, or . for the files"),
        ("main..HEAD", 'got "main..HEAD", a range; write infra diff main HEAD'),
        ("main...", 'got "main...", a range; write infra diff main HEAD'),
        ("a\nb", "got 'a\\nb', which is no revision; name a branch, a tag or a commit"),
        (
            "stacks",
            "stacks is no rendered folder: it has neither kubernetes/ nor cloud/; infra render ENV -o stacks/ENV",
        ),
        ("Pulumi.yaml", "Pulumi.yaml is a file; name a revision, or a folder that infra render wrote"),
        ("./out/dev", "./out/dev does not exist; infra render ENV -o ./out/dev writes it"),
        ("HEAD:stacks", 'there is no revision "HEAD:stacks" here; git fetch brings what the server has'),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_can(repo: Repo, text: str, message: str) -> None:
    assert said(text) == message


def test_a_rendered_folder_comes_before_a_branch_of_its_name(repo: Repo) -> None:
    repo.git("branch", "out")
    (repo.folder / "out" / "kubernetes").mkdir(parents=True)
    assert isinstance(resolve("out"), Rendered)
    assert isinstance(resolve("refs/heads/out"), Revision)


def test_a_folder_of_rendered_folders_has_an_environment_each(repo: Repo) -> None:
    for name in ("dev", "prod"):
        (repo.folder / "out" / name / "cloud").mkdir(parents=True)
    (repo.folder / "out" / "notes").mkdir()
    found = resolve("out")
    assert isinstance(found, Rendered)
    assert list(found.trees) == ["dev", "prod"]
    assert not found.single


def test_outside_a_repository_it_says_so(tmp_path: Path, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    monkeypatch.chdir(bare)
    assert said("HEAD") == f"{bare} is not in a git repository; run it inside one, or compare two rendered folders"


def test_without_git_it_says_so(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo.folder))
    assert said("HEAD") == (
        "git is not installed, and revisions are read with it; install it, or compare two rendered folders"
    )


def test_a_git_that_does_not_answer_is_not_waited_for(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write("bin/git", "#!/bin/sh\nexec sleep 30\n")
    (repo.folder / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{repo.folder}/bin:/usr/bin:/bin")
    monkeypatch.setattr(git, "SECONDS", 0.2)
    assert said("HEAD") == "git rev-parse did not answer in 0.2 s; is the disk there?"


def test_no_hook_and_no_monitor_of_the_repository_runs(repo: Repo) -> None:
    repo.write("evil", "#!/bin/sh\ntouch pwned\n")
    (repo.folder / "evil").chmod(0o755)
    repo.git("config", "core.fsmonitor", "./evil")
    repo.git("config", "diff.external", "./evil")
    repo.write("Pulumi.yaml", "changed\n")
    assert Repository(repo.folder).changed("HEAD", ["Pulumi.yaml"])
    assert not (repo.folder / "pwned").exists()


def test_files_are_read_as_committed_whatever_attributes_say(repo: Repo, tmp_path: Path) -> None:
    repo.write(".gitattributes", "a.txt export-subst\nb.txt export-ignore\nc.txt eol=crlf text\n")
    for name in ("a", "b", "c"):
        repo.write(f"{name}.txt", "$Format:%H$\n")
    commit = repo.commit()
    repository = Repository(repo.folder)
    git.extract(repository, repository.files(commit), tmp_path / "there")
    for name in ("a", "b", "c"):
        assert (tmp_path / "there" / f"{name}.txt").read_bytes() == b"$Format:%H$\n"


def test_links_that_lead_out_of_the_folder_are_left_out(repo: Repo, tmp_path: Path) -> None:
    (repo.folder / "stacks/inner").symlink_to("Pulumi.local.yaml")
    (repo.folder / "stacks/outer").symlink_to("../../secret")
    (repo.folder / "absolute").symlink_to("/etc/passwd")
    commit = repo.commit()
    repository = Repository(repo.folder)
    there = tmp_path / "there"
    git.extract(repository, repository.files(commit), there)
    assert (there / "stacks/inner").read_text() == (there / "stacks/Pulumi.local.yaml").read_text()
    assert not (there / "stacks/outer").is_symlink()
    assert not (there / "absolute").is_symlink()


def test_a_project_in_a_folder_of_a_repository_is_read_from_there(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Repo(repo.folder / "deploy")
    inner.stack("dev")
    (inner.folder / ".git").rename(repo.folder / "gone")
    commit = repo.commit()
    repository = Repository(inner.folder)
    assert {entry.path for entry in repository.files(commit)} == {"Pulumi.yaml", "stacks/Pulumi.dev.yaml"}
    assert repository.files(repo.git("rev-parse", "HEAD~1")) == []


def test_an_environment_that_neither_side_has_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError) as refused:
        pick(["prod", "staging"], ["prd", "prod"])
    assert str(refused.value) == 'neither side has an environment "prd"; did you mean prod? (one of: prod, staging)'
    assert pick(["b", "a", "b"], []) == ["a", "b"]
