"""`python3 -m infra.publish`: what the workflows call to post something.

Tokens are read from the environment, never from arguments, which other processes can see.

    comment   a finished preview as the comment of its pull request, and its findings at their lines
    issue     an environment's drift as an issue; closed when there is none any more
    note      a report as a note of a GitLab merge request

Exits with 0 when it is posted or there is nothing to post, 2 when not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import bundle, github, gitlab
from .board import Board, harmless, publish
from .rest import RefusedError, Rest

MARKER = "<!-- infra-diff -->"
"""The first line of a comment that `infra diff --format markdown` writes."""
POSTED, FAILED = 0, 2


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.publish", description="Post what a workflow found.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("comment", help="a finished preview, from a workflow_run event")
    issue = commands.add_parser("issue", help="one issue an environment")
    issue.add_argument("environment")
    issue.add_argument("file", type=Path, help="what drifted; one that is not there says that nothing did")
    note = commands.add_parser("note", help="a note of the pipeline's GitLab merge request")
    note.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    try:
        match given.command:
            case "comment":
                lines = _comment(environment)
            case "issue":
                lines = _issue(given.environment, given.file, environment)
            case _:
                lines = _note(given.file, environment)
    except (RefusedError, OSError) as error:
        sys.stderr.write(f"publish: {error}\n")
        return FAILED
    except (KeyError, TypeError, ValueError) as error:
        sys.stderr.write(f"publish: an answer or a file is not what it should be: {type(error).__name__}\n")
        return FAILED
    sys.stdout.writelines(f"publish: {line}\n" for line in lines)
    return POSTED


def _comment(environment: Mapping[str, str]) -> list[str]:
    event = json.loads(Path(_need(environment, "GITHUB_EVENT_PATH")).read_text(encoding="utf-8"))
    run = github.Run.of(event)
    rest = _github(environment)
    found = github.artifacts(rest, run)
    if github.ARTIFACT not in found:
        return ["the run left no report, so there is nothing to post"]
    files = bundle.read(found.pop(github.ARTIFACT))
    number = bundle.number(files)
    if not github.confirmed(rest, run, number):
        return [f"pull request {number} is not open at the commit that was previewed, so nothing is posted"]
    text, sarif = bundle.comment(files, MARKER), bundle.sarif(files)
    lines = []
    if text is not None:
        foot = f"Made by this pull request's own code at {run.commit[:12]}. [Whole report]({run.address})"
        deployed = [_folded(name, archive) for name, archive in sorted(found.items())]
        body = "\n\n".join((harmless(text).strip(), *deployed, f"<sub>{foot}</sub>"))
        outcome = publish(github.Comments(rest, run.repository, number), MARKER, body, foot)
        lines.append(f"the comment of pull request {number} is {outcome}")
    if sarif is not None:
        lines.append(_annotated(rest, run, number, sarif))
    return lines or ["the artifact holds neither a comment nor annotations"]


def _folded(name: str, archive: bytes) -> str:
    """What `pulumi preview` found against the deployed state of one environment, below the fold."""
    text = bundle.comment(bundle.read(archive), MARKER) or f"{MARKER}\nno report"
    told = harmless(text).partition("\n")[2].strip()
    title = f"{name.removeprefix(github.DEPLOYED)}, against what is deployed"
    return f"<details><summary>{title}</summary>\n\n{told}\n\n</details>"


def _annotated(rest: Rest, run: github.Run, number: int, sarif: str) -> str:
    """Annotations are extra: a repository without code scanning refuses them, and the comment says the same."""
    try:
        github.annotate(rest, run, number, sarif)
    except RefusedError as error:
        return f"no annotations: {error}"
    return "annotations are uploaded"


def _issue(name: str, file: Path, environment: Mapping[str, str]) -> list[str]:
    marker = f"<!-- infra-drift {name} -->"
    if "--" in name or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise RefusedError(0, f"{name} is no name of an environment")
    repository = _need(environment, "GITHUB_REPOSITORY")
    issues = github.Issues(_github(environment), repository, f"{name} is not what the repository says")
    where = "/".join((environment.get("GITHUB_SERVER_URL", ""), repository, "actions/runs"))
    run = f"[The run]({where}/{environment.get('GITHUB_RUN_ID', '')})"
    if not file.exists():
        closed = issues.close(marker, f"{name} is what the repository says again. {run}")
        return [f"{name}: no drift" + (", its issue is closed" if closed else "")]
    report = file.read_text(encoding="utf-8").replace("<!--", "<\N{ZERO WIDTH SPACE}!--")
    words = f"`{name}` differs from what the repository says. Somebody changed it by hand, or a deployment ended early."
    how = "What to do is in docs/how-to/recover-and-repair.md."
    body = f"{marker}\n{words} {how} {run}\n\n{harmless(report)}\n"
    return [f"{name}: its issue is {publish(issues, marker, body, run)}"]


def _note(file: Path, environment: Mapping[str, str]) -> list[str]:
    rest = gitlab.server(_need(environment, "CI_API_V4_URL"), _need(environment, "INFRA_NOTE_TOKEN"))
    text = bundle.comment({bundle.COMMENT: file.read_text(encoding="utf-8")}, MARKER) or ""
    number = int(_need(environment, "CI_MERGE_REQUEST_IID"))
    board: Board = gitlab.Notes(rest, _need(environment, "CI_PROJECT_ID"), number)
    return [f"the note of merge request {number} is {publish(board, MARKER, harmless(text))}"]


def _github(environment: Mapping[str, str]) -> Rest:
    base = environment.get("GITHUB_API_URL", "https://api.github.com")
    return github.server(base, _need(environment, "GITHUB_TOKEN"))


def _need(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise RefusedError(0, f"{name} is not set; a workflow sets it")
    return value


if __name__ == "__main__":
    sys.exit(main())
