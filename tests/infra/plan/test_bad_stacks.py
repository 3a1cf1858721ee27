"""Wrong stack files are refused with advice: what is wrong, where, what is allowed, and how to fix it.

Each file in tests/stacks/bad says in its first lines, one line an error, how `infra check` must begin to say it, and
marks each guilty line with `# <-`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest

from infra.cli import main

FOLDER = Path(__file__).parents[2] / "stacks" / "bad"
FILES = sorted(FOLDER.glob("*.yaml"))
FINDINGS = [file for file in FILES if file.stem.startswith("finding-")]
REFUSED = [file for file in FILES if file not in FINDINGS]
MARK = "# <-"
SECRETS = ("hf_abcdef", "hunter2", "sk-abcdef", "AAABADQXFlU0")
"""How the credentials begin that some of the files hold; none is real."""
JARGON = (
    "Traceback",
    "value_error",
    "Value error",
    "pydantic",
    "function-",
    "input_value",
    "tuple",
    "dict[",
    "NoneType",
)
"""What comes from Python or pydantic rather than from us."""


@dataclass(frozen=True)
class Answer:
    """What `infra check --stack FILE --format short` said."""

    code: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> list[str]:
        """The lines that refuse something, of a file that cannot be used or of a proof."""
        return self.stderr.splitlines() or [line for line in self.stdout.splitlines() if "] error: " in line]


def spread(files: list[Path], count: int) -> list[Path]:
    """Some of the files, from all over the alphabet."""
    return files[:: len(files) // count][:count]


def check(file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Answer:
    code = main(["check", "--stack", str(file), *options])
    printed = capsys.readouterr()
    return Answer(code, printed.out, printed.err)


def expected(text: str) -> list[str]:
    """The first lines' expectations."""
    lines = text.splitlines()
    return [line.removeprefix("# ") for line in takewhile(lambda line: line.startswith("# "), lines)]


def marked(text: str) -> list[int]:
    return [n for n, line in enumerate(text.splitlines(), 1) if not line.startswith("#") and line.endswith(MARK)]


def said(error: str) -> str:
    """An error without its file and line: `models.llama.replicas: got "3"; …`."""
    return error.split("  ", 1)[1].replace("  ", ": ", 1)


def line_of(error: str) -> int | None:
    found = re.match(r"\S+\.yaml(?::(\d+))?  ", error)
    assert found, f"names no file: {error}"
    return int(found[1]) if found[1] else None


def test_the_corpus_is_large_enough() -> None:
    assert len(FILES) >= 75


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_wrong_file_is_refused_with_every_error_and_nothing_else(
    file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = file.read_text()
    monkeypatch.chdir(tmp_path)
    answer = check(file, capsys, "--format", "short")
    found = file.stem.startswith("finding-")
    assert answer.code == (1 if found else 2)
    assert (answer.stdout != "") == found, "a file that cannot be used has no results"
    wanted = expected(text)
    assert wanted, "the first line names no error"
    told = [said(error) for error in answer.errors]
    missing = [line for line in wanted if not any(words.startswith(line) for words in told)]
    assert not missing, "\n".join(["not said:", *missing, "said:", *told])
    assert len(told) == len(wanted), "\n".join(["said more than expected:", *told])
    assert sorted({line for error in answer.errors if (line := line_of(error))}) == marked(text)
    output = answer.stdout + answer.stderr
    assert not [word for word in JARGON if word in output]
    assert not [secret for secret in SECRETS if secret in output]
    assert list(tmp_path.iterdir()) == []
    assert file.read_text() == text


@pytest.mark.parametrize("file", [*spread(REFUSED, 5), *spread(FINDINGS, 5)], ids=lambda file: file.stem)
def test_the_long_form_says_the_same_and_claims_no_proof(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = check(file, capsys)
    output = answer.stdout + answer.stderr
    for line in expected(file.read_text()):
        place, _, message = line.partition(": ")
        message = message.partition("] error: ")[2] or message
        assert line in output or (place in output and message in output)
    assert not re.search(r"all \d+ hold", answer.stdout)
    assert not [secret for secret in SECRETS if secret in output]


NO_COMMENTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty; write `config:`"),
    "blank-lines": (b"\n\n", "is empty; write `config:`"),
    "utf-16": ("config: {}\n".encode("utf-16"), "1  is UTF-16 text; save it as UTF-8"),
    "utf-16-without-mark": ("config: {}\n".encode("utf-16-le"), "1  is a binary file or UTF-16 without a mark"),
    "latin-1": (
        "config:\n  inference:namespaces: {k\xfcche: {}}\n".encode("latin-1"),
        "2  is not UTF-8: byte 34 is 0xfc, which is \xfc in Latin-1",
    ),
    "binary": (bytes(range(256)), "2  is a binary file"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(40), "1  is a binary file"),
    "control-character": (b"config: {}\n# \x07\n", "2  holds the character U+0007"),
    "null-document": (b"~\n", "is empty; write `config:`"),
    "ten-megabytes": (b"config:\n" + b"  # a comment of some length\n" * 360_000, "is larger than 4,000,000 bytes"),
    "deep": (b"config: " + b"[" * 100_000, "is nested more than 100 deep"),
    "one-long-line": (b"config: " + b"x" * 3_000_000, "1  config  must be a mapping"),
}


@pytest.mark.parametrize("name", NO_COMMENTS)
def test_a_file_that_can_hold_no_comment_is_refused_in_one_line(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    content, words = NO_COMMENTS[name]
    file = tmp_path / f"{name}.yaml"
    file.write_bytes(content)
    answer = check(file, capsys, "--format", "short")
    assert (answer.code, answer.stdout) == (2, "")
    assert len(answer.stderr.splitlines()) == 1
    assert len(answer.stderr) < 1000
    assert words in answer.stderr
    assert file.name in answer.stderr
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a directory; name the file itself"),
        (lambda path: path.symlink_to(path), "check where the path and its links lead"),
    ],
    ids=["missing", "directory", "endless-link"],
)
def test_a_path_that_is_no_file_is_refused(
    make: object, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    assert callable(make)
    make(path)
    answer = check(path, capsys)
    assert answer.code == 2
    assert words in answer.stderr


@pytest.mark.parametrize("name", ["many-things-at-once", "finding-tgi-on-a-t4", "secret-in-an-env", "alias-bomb"])
def test_the_command_itself_exits_with_the_same_code_and_lines(name: str, tmp_path: Path) -> None:
    file = FOLDER / f"{name}.yaml"
    command = [sys.executable, "-m", "infra.cli", "check", "--stack", str(file), "--format", "short"]
    command[1:3] = ["-c", "import sys; from infra.cli import main; sys.exit(main())"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    told = [said(line) for line in Answer(done.returncode, done.stdout, done.stderr).errors]
    assert done.returncode == (1 if name.startswith("finding-") else 2)
    for line in expected(file.read_text()):
        assert any(words.startswith(line) for words in told)
    assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]
    assert list(tmp_path.iterdir()) == []


def test_credentials_of_every_known_form_are_never_repeated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for secret in ("hf_" + "a1" * 17, "sk-" + "b2" * 20, "ghp_" + "c3" * 18, "AKIA" + "D4" * 8):
        for line in (f"  inference:models: {secret}", f"  {secret}", f"  inference:token: {secret}", f'  "x: {secret}'):
            file = tmp_path / "Pulumi.dev.yaml"
            file.write_text(f"config:\n{line}\n")
            answer = check(file, capsys)
            assert answer.code == 2
            assert secret not in answer.stdout + answer.stderr
