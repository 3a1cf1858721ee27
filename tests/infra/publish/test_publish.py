"""Posting, against a stand-in of the sites: what is written, what is left alone, what is refused."""

from __future__ import annotations

import ast
import base64
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import infra.publish.rest
from infra.comment.markdown import marker
from infra.publish.__main__ import FAILED, MARKER, POSTED, main
from infra.publish.board import LONGEST, harmless, shortened

from . import hub as stand_in
from .hub import BOT, FORK, HEAD, OURS, TOKEN, Hub, archive, preview, serving

BOTS, SARIF = BOT["login"], json.dumps({"version": "2.1.0", "runs": []})


def test_what_is_posted_is_what_a_diff_writes() -> None:
    # The publisher imports nothing of the code that it publishes for, so both have the line.
    assert marker() == MARKER


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(infra.publish.rest, "_PAUSES", (0, 0))
    with serving() as found:
        found.pull()
        yield found


def run_of(**changes: Any) -> dict[str, Any]:
    run = {"id": 5, "event": "pull_request", "head_sha": HEAD, "head_repository": {"id": OURS}} | changes
    return {
        "repository": {"full_name": "o/r"},
        "workflow_run": run | {"html_url": "https://github.com/o/r/actions/runs/5"},
    }


def comment(hub: Hub, folder: Path, **changes: Any) -> int:
    """Run the command as the workflow does."""
    event = folder / "event.json"
    event.write_text(json.dumps(run_of(**changes)))
    return main(["comment"], {"GITHUB_EVENT_PATH": str(event), "GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": hub.address})


def test_the_first_report_is_a_new_comment(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview()

    assert comment(hub, tmp_path) == POSTED

    (body,) = hub.bodies()
    assert body.startswith(f"{MARKER}\n**staging: 1 change**\n")
    assert f"own code at {HEAD[:12]}. [Whole report](https://github.com/o/r/actions/runs/5)" in body


def test_the_old_comment_is_found_on_a_later_page_and_changed_in_place(hub: Hub, tmp_path: Path) -> None:
    for number in range(7):
        hub.say(7, "somebody", f"remark {number}")
    hub.say(7, BOTS, f"{MARKER}\nold")
    hub.artifacts["preview"] = preview()

    assert comment(hub, tmp_path) == POSTED

    assert len(hub.bodies()) == 8
    assert "staging" in hub.bodies()[7]
    assert "POST" not in {method for method, path, _, _ in hub.seen if "comments" in path}


def test_a_comment_with_the_marker_by_anybody_else_is_never_touched(hub: Hub, tmp_path: Path) -> None:
    hub.say(7, "somebody", f"{MARKER}\nfake")
    hub.say(7, "github-actions", f"{MARKER}\nfake")
    hub.artifacts["preview"] = preview()

    assert comment(hub, tmp_path) == POSTED

    assert hub.bodies()[:2] == [f"{MARKER}\nfake"] * 2
    assert len(hub.bodies()) == 3


def test_another_comment_of_the_bot_is_never_touched(hub: Hub, tmp_path: Path) -> None:
    hub.say(7, BOTS, "coverage 93 %")
    hub.artifacts["preview"] = preview()

    assert comment(hub, tmp_path) == POSTED

    assert hub.bodies()[0] == "coverage 93 %"


def test_the_same_report_writes_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview()
    assert comment(hub, tmp_path) == POSTED
    hub.comments[7][0]["body"] = hub.comments[7][0]["body"].replace("\n", "\r\n")
    hub.seen.clear()

    assert comment(hub, tmp_path) == POSTED

    assert hub.asked("POST") == hub.asked("PATCH") == []


@pytest.mark.parametrize(
    ("number", "pull"),
    [
        (8, {"number": 8, "sha": "b" * 40}),
        (8, {"number": 8, "repository": FORK}),
        (8, {"number": 8, "state": "closed"}),
        (9, {}),
    ],
    ids=["another head", "another repository", "closed", "no such number"],
)
def test_a_number_that_the_server_does_not_confirm_is_not_commented_on(
    hub: Hub, tmp_path: Path, number: int, pull: dict[str, Any]
) -> None:
    hub.pull(**pull)
    hub.artifacts["preview"] = preview(number=number, **{"report.sarif": SARIF})

    assert comment(hub, tmp_path) == POSTED

    assert hub.asked("POST") == hub.asked("PATCH") == []


def test_a_forks_pull_request_gets_its_comment(hub: Hub, tmp_path: Path) -> None:
    hub.pull(7, repository=FORK)
    hub.artifacts["preview"] = preview()

    assert comment(hub, tmp_path, head_repository={"id": FORK}) == POSTED

    assert len(hub.bodies()) == 1


@pytest.mark.parametrize(
    "number", ["", "7;id", "../7", "7/merge", "-7", "\N{ARABIC-INDIC DIGIT SEVEN}", "1" * 10, "7\n8", "x" * 30]
)
def test_what_is_no_number_goes_nowhere(hub: Hub, tmp_path: Path, number: str) -> None:
    hub.artifacts["preview"] = preview(number=number)

    assert comment(hub, tmp_path) == FAILED

    assert not [path for path in hub.asked("GET") if "pulls" in path]


@pytest.mark.parametrize(
    "text",
    ["no marker", f" x{MARKER}\n", "<!-- another -->\n", f"{MARKER}\n<!-- infra-drift prod -->", f"{MARKER} x\n", ""],
)
def test_a_comment_that_is_not_ours_alone_is_refused(hub: Hub, tmp_path: Path, text: str) -> None:
    hub.artifacts["preview"] = preview(text)

    assert comment(hub, tmp_path) == FAILED
    assert hub.bodies() == []


@pytest.mark.parametrize(
    "data",
    [
        b"no archive",
        archive({"number": "7", "comment.md": f"{MARKER}\n" + "a" * 400_000}),
        archive({"number": "7", "comment.md": b"\xff\xfe"}),
        archive({"number": "7", "comment.md": f"{MARKER}\n", "report.sarif": '{"version": "2.1.0"}'}),
        archive({"number": "7", "comment.md": f"{MARKER}\n", "report.sarif": "[" * 100_000}),
        preview() + b"x" * (20 * 2**20),
    ],
    ids=["no archive", "a file too large", "no text", "no SARIF", "deep", "too large"],
)
def test_an_artifact_that_is_not_what_it_should_be_is_refused(hub: Hub, tmp_path: Path, data: bytes) -> None:
    hub.artifacts["preview"] = data

    assert comment(hub, tmp_path) == FAILED
    assert hub.bodies() == []


def test_an_artifact_that_says_it_is_too_large_is_not_even_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview() + b"x" * (20 * 2**20)
    assert comment(hub, tmp_path) == FAILED
    assert not [path for path in hub.asked("GET") if path.endswith("/zip")]


def test_a_run_without_an_artifact_posts_nothing(hub: Hub, tmp_path: Path) -> None:
    assert comment(hub, tmp_path) == POSTED
    assert hub.bodies() == []


def test_a_run_of_another_event_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview()
    assert comment(hub, tmp_path, event="push") == FAILED
    assert hub.seen == []


def test_what_was_found_against_the_state_is_folded_below(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview()
    hub.artifacts["deployed-prod"] = archive({"comment.md": f"{MARKER}\n**prod: 2 changes**\n"})
    hub.artifacts["deployed-$(id)"] = archive({"comment.md": f"{MARKER}\nno\n"})
    hub.artifacts["logs"] = archive({"comment.md": f"{MARKER}\nno\n"})

    assert comment(hub, tmp_path) == POSTED

    (body,) = hub.bodies()
    folded = "<details><summary>prod, against what is deployed</summary>\n\n**prod: 2 changes**\n\n</details>"
    assert body.count("<details>") == 1
    assert folded in body
    assert body.count(MARKER) == 1


def test_findings_are_shown_at_the_commit_that_the_server_names(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview(**{"report.sarif": SARIF})

    assert comment(hub, tmp_path) == POSTED

    (sent,) = [body for method, path, _, body in hub.seen if path.endswith("/sarifs")]
    assert (sent["commit_sha"], sent["ref"]) == (HEAD, "refs/pull/7/head")
    assert gzip.decompress(base64.b64decode(sent["sarif"])).decode() == SARIF


def test_a_repository_without_code_scanning_gets_the_comment_all_the_same(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.refuse["POST", "/repos/o/r/code-scanning/sarifs"] = 403
    hub.artifacts["preview"] = preview(**{"report.sarif": SARIF})

    assert comment(hub, tmp_path) == POSTED

    assert len(hub.bodies()) == 1
    assert "no annotations: POST" in capsys.readouterr().out


def test_a_token_that_may_not_write_is_told_with_what_to_do(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.refuse["POST", "/repos/o/r/issues/7/comments"] = 403
    hub.artifacts["preview"] = preview()

    assert comment(hub, tmp_path) == FAILED

    said = capsys.readouterr().err
    assert "403 Forbidden; Resource not accessible by integration" in said
    assert "`permissions:`" in said
    assert TOKEN not in said


def test_a_comment_that_is_too_long_is_cut_where_a_line_ends(hub: Hub, tmp_path: Path) -> None:
    line = "a change that says much\n"
    folded = f"{MARKER}\n**verdict**\n<details><summary>all</summary>\n\n```diff\n{line * 8_000}```\n</details>\n"
    hub.artifacts["preview"] = preview(folded)

    assert comment(hub, tmp_path) == POSTED

    (body,) = hub.bodies()
    assert len(body) <= LONGEST
    assert body.startswith(f"{MARKER}\n**verdict**")
    assert body.count("```") % 2 == 0
    assert body.count("<details>") == body.count("</details>")
    assert body.endswith("[Whole report](https://github.com/o/r/actions/runs/5)")


def test_a_server_that_takes_less_still_gets_the_verdict(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in, "_LONGEST", 5_000)
    hub.artifacts["preview"] = preview(f"{MARKER}\n**verdict**\n" + "line\n" * 5_000)

    assert comment(hub, tmp_path) == POSTED

    assert "**verdict**" in hub.bodies()[0]


def test_what_only_reads_is_tried_again_and_what_writes_is_not(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview()
    hub.once["GET", "/repos/o/r/pulls/7"] = 502
    assert comment(hub, tmp_path) == POSTED
    assert hub.asked("GET").count("/repos/o/r/pulls/7") == 2

    hub.comments.clear()
    hub.seen.clear()
    hub.once["POST", "/repos/o/r/issues/7/comments"] = 502
    assert comment(hub, tmp_path) == FAILED
    assert len(hub.asked("POST")) == 1


def test_the_token_goes_to_the_server_and_nowhere_else(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview()

    assert comment(hub, tmp_path) == POSTED

    assert {path for _, path, token, _ in hub.seen if not token} == {"/blobs/0"}


def test_an_artifact_is_not_fetched_from_an_unsafe_place(hub: Hub, tmp_path: Path) -> None:
    hub.artifacts["preview"] = preview()
    with serving() as other:
        hub.elsewhere = other.address
        assert comment(hub, tmp_path) == FAILED
        assert other.seen == []


def test_a_server_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], hub: Hub) -> None:
    hub.address = "http://127.0.0.1:9"
    assert comment(hub, tmp_path) == FAILED
    assert "no answer" in capsys.readouterr().err


def test_an_answer_of_another_form_is_told_without_a_traceback(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.artifacts["preview"] = preview()
    del hub.pulls[7]["head"]
    assert comment(hub, tmp_path) == FAILED
    assert "not what it should be" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["GITHUB_EVENT_PATH", "GITHUB_TOKEN"])
def test_a_missing_variable_is_named(hub: Hub, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(run_of()))
    given = {"GITHUB_EVENT_PATH": str(event), "GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": hub.address}
    assert main(["comment"], {key: value for key, value in given.items() if key != name}) == FAILED
    assert name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("thanks @octocat and @org/team", "thanks @\u200boctocat and @\u200borg/team"),
        ("image@sha256:abc", "image@sha256:abc"),
        ("/approve\n  /merge now\n/etc/passwd", "\u200b/approve\n  \u200b/merge now\n\u200b/etc/passwd"),
        ("a\x00b\x1b[31m\u202ec\r\nd", "ab[31mc\nd"),
        ("| a | b |\n`code`", "| a | b |\n`code`"),
    ],
)
def test_what_would_act_is_made_harmless(given: str, shown: str) -> None:
    assert harmless(given) == shown


def test_a_short_body_is_left_as_it_is() -> None:
    assert shortened("a\nb", 10, "more") == "a\nb"


def drift(hub: Hub, environment: str, file: Path) -> int:
    given = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": hub.address, "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "5"}
    return main(["issue", environment, str(file)], given | {"GITHUB_SERVER_URL": "https://github.com"})


def test_drift_is_one_issue_an_environment_that_is_updated_and_closed(hub: Hub, tmp_path: Path) -> None:
    report = tmp_path / "comment.md"
    report.write_text(f"{MARKER}\n**prod: 1 change**\n")
    for number in range(4):
        hub.issues.append({"number": number + 1, "state": "open", "user": {"login": "x"}, "title": "t", "body": "b"})

    assert drift(hub, "prod", report) == drift(hub, "dev", report) == POSTED
    report.write_text(f"{MARKER}\n**prod: 2 changes**\n")
    assert drift(hub, "prod", report) == POSTED

    assert [one["title"] for one in hub.issues[4:]] == [
        "prod is not what the repository says",
        "dev is not what the repository says",
    ]
    assert "2 changes" in hub.issues[4]["body"]
    assert hub.issues[4]["body"].startswith("<!-- infra-drift prod -->\n")
    assert "https://github.com/o/r/actions/runs/5" in hub.issues[4]["body"]

    report.unlink()
    assert drift(hub, "prod", report) == POSTED
    assert [one["state"] for one in hub.issues] == ["open"] * 4 + ["closed", "open"]
    assert "again" in hub.bodies(5)[0]


def test_no_drift_and_no_issue_write_nothing(hub: Hub, tmp_path: Path) -> None:
    assert drift(hub, "prod", tmp_path / "none") == POSTED
    assert hub.asked("POST") == hub.asked("PATCH") == []


def test_an_environment_named_like_markup_is_refused(hub: Hub, tmp_path: Path) -> None:
    assert drift(hub, "a --> b", tmp_path / "none") == FAILED
    assert hub.seen == []


def note(hub: Hub, file: Path) -> int:
    given = {"CI_API_V4_URL": hub.address, "INFRA_NOTE_TOKEN": TOKEN, "CI_PROJECT_ID": "g/p"}
    return main(["note", str(file)], given | {"CI_MERGE_REQUEST_IID": "7"})


def test_a_gitlab_note_is_made_and_then_changed_in_place(hub: Hub, tmp_path: Path) -> None:
    for number in range(4):
        hub.say(7, "somebody", f"{MARKER}\n{number}")
    file = tmp_path / "note.md"

    for text in ("one", "two"):
        file.write_text(f"{MARKER}\n{text}\n")
        assert note(hub, file) == POSTED

    assert len(hub.bodies()) == 5
    assert "two" in hub.bodies()[4]
    assert len(hub.asked("PUT")) == len(hub.asked("POST")) == 1


def test_posting_needs_nothing_but_python() -> None:
    """The job that posts installs nothing, and Python is the only thing its machine is known to have."""
    folder = Path(infra.publish.rest.__file__).parent
    found: set[str] = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{path.name} reaches beyond its folder"
                found |= {(node.module or "").split(".")[0]} if node.level == 0 else set()
    assert found <= sys.stdlib_module_names
