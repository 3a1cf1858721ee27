"""The loader, held to what Pulumi's own Go code answered for the same files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.core.plan import SecretRef
from infra.stack import yamlfile, yamltree
from infra.stack.stackfile import StackError, StackFile, load_project, load_stack, stack_paths
from infra.stack.yamlfile import MAX_BYTES, lines_of
from infra.stack.yamltree import MAX_DEPTH

DOCUMENTS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("data").joinpath("documents.json").read_text())[
    "documents"
]
PARSERS = ["libyaml", "python"]
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(params=PARSERS)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers PyYAML can have."""
    if request.param == "python":
        monkeypatch.setattr(yamlfile, "CParser", None)
    else:
        assert yaml.__with_libyaml__, "install PyYAML with libyaml; its wheels have it"
    return str(request.param)


def stack_of(folder: Path, text: str | bytes, name: str = "Pulumi.dev.yaml") -> StackFile:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_stack(path)


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(StackError) as caught:
        stack_of(folder, text)
    return "\n".join(caught.value.lines()).replace(f"{folder}/", "")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["name"])
def test_a_file_is_read_as_pulumi_reads_it_or_refused(document: dict[str, Any], tmp_path: Path, parser: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(document.get("project", "name: inference\nruntime: python\n"))
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_bytes(document["stack"].encode())
    project = load_project(tmp_path)
    if "refused" in document:
        with pytest.raises(StackError) as caught:
            load_stack(path, project)
        # PyYAML's own parser words syntax differently; that it refuses is what counts.
        assert document["refused"] in str(caught.value) or (parser == "python" and "is not YAML" in str(caught.value))
        return
    if parser == "python" and document["name"] == "a tab after a colon":
        with pytest.raises(StackError, match="tabs"):  # stricter than both libyaml and Go
            load_stack(path, project)
        return
    stack = load_stack(path, project)
    expected = {key.removeprefix("inference:"): value for key, value in document["pulumi"].items()}
    # As JSON text, so that the order of keys and the types of numbers count too.
    assert json.dumps(dict(stack.values)) == json.dumps({k: v for k, v in expected.items() if v != "secret"})
    assert set(stack.secrets) == {key for key, value in expected.items() if value == "secret"}


@pytest.mark.parametrize("document", [row for row in DOCUMENTS if "pulumi_fails" in row], ids=lambda row: row["name"])
def test_whatever_pulumi_fails_on_is_refused(document: dict[str, Any]) -> None:
    assert "refused" in document


def test_a_secret_is_a_reference_and_its_ciphertext_is_nowhere(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "config:\n  inference:hf_token:\n    secure: v1:CIPHERTEXT\n")
    assert stack.secrets == {"hf_token": SecretRef("hf_token")}
    assert "hf_token" not in stack.values
    assert "CIPHERTEXT" not in repr(stack)


def test_a_scalar_at_the_top_is_kept_as_text_and_never_printed(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "config:\n  inference:hub: hunter2\n  inference:number: 010\n")
    assert stack.values == {"hub": "hunter2", "number": "8"}
    assert "hunter2" not in repr(stack)


def test_no_error_shows_a_value_at_the_top_or_a_ciphertext(tmp_path: Path) -> None:
    text = "config:\n  inference:hub: 2026-11-21\n  inference:a: {token: 2026-11-22, b: {secure: CIPHERTEXT}}\n"
    said = refusal(tmp_path, text)
    assert "2026-11-21 is" not in said
    assert "2026-11-22 is" not in said
    assert "CIPHERTEXT" not in refusal(tmp_path, "config:\n  inference:a: {b: {secure: CIPHERTEXT}}\n")
    assert "hunter" not in refusal(tmp_path, "config:\n  inference:hub: hunter: 2\n")
    assert "MIIE" not in refusal(
        tmp_path, "config:\n  inference:key: |\n    -----BEGIN\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"
    )


def test_every_problem_is_reported_with_its_line_and_path(tmp_path: Path) -> None:
    text = """config:
  inference:models:
    llama:
      since: 2026-11-21
      limit: .inf
      limit: 2
    qwen: {seed: 9007199254740993, 8080: x}
"""
    lines = refusal(tmp_path, text).splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"Pulumi.dev.yaml:{n}" for n in (4, 5, 6, 7, 7)]
    assert lines[0].startswith("Pulumi.dev.yaml:4  models.llama.since  2026-11-21 is a date")
    assert "is set twice, on lines 5 and 6" in lines[2]
    assert 'put it in quotes: "8080"' in lines[4]


def test_problems_of_the_configuration_are_all_reported(tmp_path: Path) -> None:
    said = refusal(tmp_path, "confg: 1\nconfig:\n  inference:a:\n  inference:b:\n    c:\n      secure: x\n")
    assert "Pulumi.dev.yaml:1  confg  is ignored by Pulumi; did you mean config?" in said
    assert "Pulumi.dev.yaml:3  a  has no value" in said
    assert "Pulumi.dev.yaml:5  b.c  is encrypted inside an object" in said


def test_what_yaml_loses_and_what_pulumi_ignores_are_reported_together(tmp_path: Path) -> None:
    said = refusal(tmp_path, "confg: 1\nconfig:\n  inference:a: {b: 2026-11-21}\n  c: {d: [x, y: z]\n")
    assert said.splitlines()[0].startswith("Pulumi.dev.yaml:3  a.b  2026-11-21 is a date")
    assert "is not YAML" in said
    said = refusal(tmp_path, "confg: 1\nconfig:\n  inference:a: {b: 2026-11-21}\n")
    assert "did you mean config?" in said
    assert "a.b  2026-11-21 is a date" in said


def test_a_path_has_its_line_or_its_nearest_ancestors(tmp_path: Path) -> None:
    stack = stack_of(
        tmp_path,
        "config:\n  models:\n    llama: &l\n      zones:\n        - a\n        - {b: c}\n"
        "    qwen:\n      <<: *l\n  inference:x: {}\n",
    )
    assert stack.line(("models",)) == 2
    assert stack.line(("models", "llama", "zones", 1, "b")) == 6
    assert stack.line(("models", "llama", "engine", "kind")) == 3
    assert stack.line(("models", "qwen", "zones")) == 7
    assert stack.line(("x",)) == 9
    assert stack.line(("nothing", "here")) == 1
    assert stack.line(()) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("config:\n  a: [1]\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ("config:\n  a: [1]\n".encode("utf-16-le"), "is a binary file or UTF-16 without a mark"),
        ("config:\n  a: [café]\n".encode("latin-1"), "yaml:2  is not UTF-8: byte 17 is 0xe9, which is é in Latin-1"),
        (b"\x7fELF\x02\x01\x00\xff", "is a binary file"),
        (b"config:\n  a: \x00\n", "is a binary file"),
        ("config:\n  a: [x\u202e\x1b]\n", "holds the character U+001B"),
        (b"#" * (MAX_BYTES + 1), "is larger than 4,000,000 bytes"),
        (b"", "is empty; write `config:`"),
        ("config:\n  a:\n<<<<<<< ours\n", "a merge conflict is not resolved"),
        ('config:\n  a: "x\n', "a quote is not closed"),
        ("config:\n  a: {b: c\n  d: e\n", "is not closed"),
        ("config:\n  a: @b\n", "text cannot begin with @"),
        ("config:\n  a:\n    b: 1\n   c: 2\n", "does not line up"),
        ('config:\n  a: {b: "\\d"}\n', "use single quotes"),
        ("config:\n  a:\n    b\n    c: 1\n", "a `: ` inside a value"),
        ("config:\n  a: {{ value }}\n", "quotes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_not_utf_8_yaml_says_why(data: str | bytes, words: str, tmp_path: Path) -> None:
    assert words in refusal(tmp_path, data)


def test_a_syntax_error_names_line_column_and_the_line_itself(tmp_path: Path) -> None:
    assert refusal(tmp_path, "config:\n  a:\n    b: c: d\n") == (
        "Pulumi.dev.yaml:3  is not YAML at column 9: a `: ` inside a value, or a line indented deeper than its "
        "neighbours; quote the value or align the line; the line is: b: c: d"
    )


def test_paths_that_are_no_readable_file_say_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, words in {
        "Pulumi.prd.yaml": "does not exist; beside it are: Pulumi.dev.yaml",
        ".": "is a directory",
        "loop.yaml": "cannot be read",
        "pipe.yaml": "is not a regular file",
        "x" * 300: "cannot be read",
        "a\0b": "cannot be read",
        "Pulumi.dev.yaml/x": "cannot be read",
    }.items():
        with pytest.raises(StackError, match=words):
            load_stack(tmp_path / name)


def test_a_file_the_user_may_not_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By hand, because root may read everything.
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "Pulumi.dev.yaml").touch()
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(StackError, match="may not be read by this user"):
        load_stack(tmp_path / "Pulumi.dev.yaml")


def test_an_alias_bomb_is_refused(tmp_path: Path, parser: str) -> None:
    levels = "\n".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9))
    assert "out of bounds" in refusal(tmp_path, f"config:\n  l0: &l0 [x, x, x, x, x]\n{levels}\n")


def test_aliases_within_reason_are_read(tmp_path: Path) -> None:
    models = "\n".join(f"    m{n}: {{<<: *defaults, name: m{n}}}" for n in range(500))
    stack = stack_of(
        tmp_path, f"config:\n  inference:d: &defaults {{a: [1, 2, 3], b: {{c: d}}}}\n  models:\n{models}\n"
    )
    assert stack.values["models"]["m499"] == {"a": [1, 2, 3], "b": {"c": "d"}, "name": "m499"}


def test_deep_nesting_is_refused(tmp_path: Path, parser: str) -> None:
    assert f"more than {MAX_DEPTH} deep" in refusal(tmp_path, "config:\n  a: " + "[" * 200 + "]" * 200 + "\n")
    assert "StackError" not in refusal(tmp_path, "config:\n  a: " + "[" * 50_000)


def test_a_flood_of_problems_is_cut_short(tmp_path: Path) -> None:
    said = refusal(tmp_path, "config:\n  a:\n" + "    - 2026-11-21\n" * 5000)
    assert len(said.splitlines()) == yamltree.MAX_PROBLEMS + 1
    assert "the rest is not shown" in said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=20),
    lambda child: st.lists(child, max_size=4) | st.dictionaries(st.text(max_size=8), child, max_size=4),
    max_leaves=20,
)


def readable(value: Any) -> bool:
    """Whether Pulumi hands the value over unchanged."""
    if isinstance(value, dict):
        return value.keys() != {"secure"} and all(readable(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return all(readable(item) for item in value)
    if isinstance(value, str):
        loses_its_beginning = "\n" in value and value.lstrip(" ")[:1] in tuple("\n\r\t\x85\u2028\u2029")
        return value != "<<" and not loses_its_beginning and not any("\ud800" <= c <= "\udfff" for c in value)
    return True


@in_one_folder
@given(value=JSON.filter(readable), style=st.sampled_from(["'", '"']))
def test_data_that_pyyaml_wrote_in_quotes_comes_back_the_same(value: Any, style: str, tmp_path: Path) -> None:
    written = yaml.safe_dump({"config": {"inference:v": [value]}}, default_style=style, allow_unicode=False)
    assert stack_of(tmp_path, written).values["v"] == [value]


@in_one_folder
@given(value=JSON)
def test_json_comes_back_the_same_or_is_refused(value: Any, tmp_path: Path) -> None:
    text = json.dumps({"config": {"inference:v": [value]}})
    try:
        stack = stack_of(tmp_path, text)
    except StackError:
        return
    assert stack.values["v"] == [value]


@in_one_folder
@given(data=st.binary(max_size=200) | st.text(alphabet="abc01:-#[]{}&*!|>'\"%@`?<~ \n\t", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(
    data: bytes,
    tmp_path: Path,
) -> None:
    for content in (data, b"config:\n  inference:v:\n   " + data):
        try:
            stack = stack_of(tmp_path, content)
        except StackError:
            continue
        assert stack.line(("v", "x")) in {None, *range(1, content.count(b"\n") + content.count(b"\r") + 2)}
        (tmp_path / "Pulumi.yaml").write_bytes(content)
        with pytest.raises(StackError, match="name"):
            load_project(tmp_path)


@in_one_folder
@given(value=JSON.filter(readable))
def test_every_path_has_a_line(value: Any) -> None:
    written = yaml.safe_dump({"v": [value]}, allow_unicode=False)
    lines = lines_of(written)
    assert lines[("v", 0)] >= 1
    assert max(lines.values()) <= written.count("\n")


@pytest.mark.parametrize(("name", "environment"), [("Pulumi.eu-1.prod.yaml", "eu-1.prod"), ("fleet.yaml", "fleet")])
def test_the_environment_is_named_by_the_file(name: str, environment: str, tmp_path: Path) -> None:
    assert stack_of(tmp_path, "config: {}\n", name).environment == environment


def project_of(folder: Path, text: str) -> str:
    (folder / "Pulumi.yaml").write_text(text)
    with pytest.raises(StackError) as caught:
        load_project(folder)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_project_says_what_it_is_called_and_where_its_stacks_are(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(
        "name: inference\nmain: infra/\nstackConfigDir: stacks/\n"
        "runtime: {name: python, options: {virtualenv: .venv}}\n"
    )
    project = load_project(tmp_path)
    assert project.name == "inference"
    assert project.stack_config_dir == tmp_path / "stacks"


def test_environments_are_the_stack_files_in_that_folder(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: inference\nruntime: python\nconfig: stacks\n")
    with pytest.raises(StackError, match="is no folder"):
        stack_paths(tmp_path)
    (tmp_path / "stacks").mkdir()
    assert stack_paths(tmp_path) == {}
    for name in ("Pulumi.prod.yaml", "Pulumi.dev.yaml", "schema.json", "Pulumi.yaml"):
        (tmp_path / "stacks" / name).write_text("config: {}\n")
    assert stack_paths(tmp_path) == {env: tmp_path / "stacks" / f"Pulumi.{env}.yaml" for env in ("dev", "prod")}
    (tmp_path / "stacks" / "Pulumi.old.yml").touch()
    with pytest.raises(StackError, match=r"rename it to \.yaml"):
        stack_paths(tmp_path)
    (tmp_path / "stacks" / "Pulumi.old.yml").rename(tmp_path / "stacks" / "Pulumi.dev copy.yaml")
    with pytest.raises(StackError, match="names no stack"):
        stack_paths(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("runtime: python\n", "name  is required"),
        ("- a\n", "must be a mapping"),
        ("name: inference\nstackconfigdir: x\n", "Pulumi.yaml:2  stackconfigdir  is no key of Pulumi.yaml"),
        ("name: inference\nconfig: a\nstackConfigDir: b\n", "both name the stacks' folder"),
        ("name: inference\nmain: [a]\n", "must be text"),
        ("name: inference\nruntime: [python]\n", "must be `python`"),
        ("name: inference\nconfig:\n  a: {b: 1}\n", "is not understood here"),
        ("name: inference\nconfig:\n  a: 1.5\n", "needs text, a whole number"),
        ("name: inference\nconfig:\n  a.b: x\n", "reads as a path"),
        ("name: inference\nconfig:\n  a:b:c: x\n", "is no configuration key"),
        ("name: inference\nconfig:\n  a: x\n  inference:a: y\n", "is the same key"),
        ("name: inference\nconfig:\n  a: {default: 1, value: 2}\n", "has both default and value"),
        ("name: inference\nconfig:\n  a: {type: number}\n", "is no type"),
        ("name: inference\nconfig:\n  a: {type: array}\n", "needs `items:"),
        ("name: inference\nconfig:\n  a: {type: object, default: [1]}\n", "is not of the declared type"),
        ("name: inference\nconfig:\n  gcp:a: {default: 1}\n", "takes a `value:`"),
        ("name: inference\nconfig:\n  a: {default: {b: {secure: x}}}\n", "holds an encrypted value"),
        ("name: inference\nconfig:\n  a: {default: {secure: x}}\n", "holds an encrypted value"),
        ("name: inference\nconfig:\n  a: [{secure: x}]\n", "holds an encrypted value"),
        ("name: inference\nconfig:\n  a: {secret: yes}\n", "must be true or false"),
        ("name: ''\n", "must be the project's name"),
        ("name: {secure: x}\n", "got an encrypted value"),
        ("name: inference\nruntime: {nam: python}\n", "Pulumi.yaml:2  runtime.nam  unknown field; did you mean name?"),
        ("name: inference\nself: 1\n", "self  is no key of Pulumi.yaml"),
    ],
)
def test_a_wrong_project_file_is_explained(text: str, words: str, tmp_path: Path) -> None:
    assert words in project_of(tmp_path, text)


def test_every_problem_of_a_project_is_reported_with_its_line(tmp_path: Path) -> None:
    said = project_of(
        tmp_path,
        "nam: inference\nmain: [a]\nconfig:\n  inference:a: {type: number, default: {secure: HUNTER}}\n  b:c:d: 1\n",
    )
    assert [line.split("  ")[:2] for line in said.splitlines()] == [
        ["Pulumi.yaml:1", "nam"],
        ["Pulumi.yaml:2", "main"],
        ["Pulumi.yaml:4", "config.inference:a.type"],
        ["Pulumi.yaml:4", "config.inference:a.default"],
        ["Pulumi.yaml:5", "config.b:c:d"],
    ]
    assert "HUNTER" not in said
