"""Chromium without a window, and the picture of the page in the documentation: `make screenshot`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.comment import html

from .reports import ROOT, three_changes

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
PICTURE = ROOT / "docs" / "images" / "diff.png"
SIZE = (1180, 1000)


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


def main() -> None:
    """Write docs/images/diff.png."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "diff.html"
        page.write_text(html.write(three_changes()), encoding="utf-8")
        photograph(page, PICTURE)


if __name__ == "__main__":
    main()
