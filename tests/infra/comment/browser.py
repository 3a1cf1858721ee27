"""Chromium without a window, and the picture of the page in the documentation: `make screenshot`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.comment import html
from infra.diff.changes.report import Report
from infra.diff.environment_diff import diff
from tests.diffs.test_corpus import PROMISED, case_of, compared
from tests.infra.diff.stacks import ROOT, snapshot, stack

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
PICTURE = ROOT / "docs" / "images" / "diff.png"
SIZE = (1180, 940)


def chromium(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it once with a profile of its own."""
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--enable-logging=stderr", f"--user-data-dir={profile}", *arguments],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip


def photograph(page: Path, picture: Path, *more: str) -> None:
    """A page as PNG."""
    width, height = SIZE
    chromium(f"--window-size={width},{height}", f"--screenshot={picture}", *more, page.as_uri())


def shown(folder: Path) -> Report:
    """What the picture shows: the change of prod that is promised, told by the diff itself."""
    same = [snapshot(stack(name), folder / name, name) for name in ("dev", "local", "staging")]
    changed = compared(case_of(PROMISED), folder, picture=True)
    return Report("origin/main (3a920eb)", "HEAD (93489cc)", (changed, *(diff(one, one) for one in same)))


def main() -> None:
    """Write docs/images/diff.png."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "diff.html"
        page.write_text(html.write(shown(Path(folder))), encoding="utf-8")
        photograph(page, PICTURE)


if __name__ == "__main__":
    main()
