"""The parts of README.md that are printed by the tools: `make docs` writes them, a test says when they are old."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.commands import run

README = Path(__file__).resolve().parent.parent / "README.md"


def with_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """A Markdown text with its marked blocks replaced: what stands between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: when a block has no place in the text.
    """
    for name, content in blocks.items():
        marked = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        if not marked.search(text):
            raise ValueError(f"no <!-- {name} --> … <!-- /{name} --> to write {name} into")
        fenced = f"```text\n{content.rstrip()}\n```\n"
        text = marked.sub(lambda _: fenced, text)  # noqa: B023 - called at once
    return text


def preview_output() -> str:
    """What `make preview` prints about the shipped environments, after its set-up."""
    with tempfile.TemporaryDirectory() as folder:
        trees = f"{folder}/out"
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            run(["preview", "--output", trees])
    return shown.getvalue().replace(trees, "out")


def current(text: str) -> str:
    """The README as it should be."""
    return with_blocks(text, {"preview": preview_output()})


def main() -> None:
    """Bring README.md up to date."""
    README.write_text(current(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
