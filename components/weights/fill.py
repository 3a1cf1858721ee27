"""Fills a Hub cache with one revision of a model, and checks every file it wrote.

`download.py` hands this file's text to a container as `python3 -c`. It runs there alone, on whatever Python and
huggingface_hub the image has, so it uses only what huggingface_hub 0.30 (TGI 3.3) and 2.4 both have, and imports
nothing of this library. `hf cache verify` would do the second half, but came with 1.1 (huggingface_hub#3461).
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

CHUNK = 16 * 2**20


def main() -> int:
    """Download what MODEL_ID, MODEL_REVISION, INCLUDE and EXCLUDE name into HF_HOME; 1 when a file is not as the Hub's.

    A second run downloads only what is missing, and finds out whether what is there is whole.
    """
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415  # in the image, not here

    # Whoever serves the files may be another user than the one who wrote them.
    os.umask(0o022)
    model, revision = os.environ["MODEL_ID"], os.environ["MODEL_REVISION"]
    include, exclude = os.environ.get("INCLUDE", "").split(), os.environ.get("EXCLUDE", "").split()
    for attempt in (1, 2):
        folder = Path(
            snapshot_download(
                model,
                revision=revision,
                allow_patterns=include or None,
                ignore_patterns=exclude or None,
                force_download=attempt == 2,  # noqa: PLR2004 - what is there was found to be damaged
            )
        )
        files = HfApi().model_info(model, revision=revision, files_metadata=True).siblings or []
        damaged = [file.rfilename for file in files if is_damaged(folder / file.rfilename, file)]
        if not damaged:
            _name(folder, revision)
            sys.stdout.write(f"{model} at {revision}: what was downloaded of {len(files)} files is as the Hub has it\n")
            return 0
        sys.stderr.write(f"not as the Hub has them: {', '.join(damaged)}\n")
    return 1


def _name(folder: Path, revision: str) -> None:
    """Say which commit the revision is, as huggingface_hub does for all but commits themselves.

    The Rust library looks nowhere else: without it TGI's router finds no chat template offline
    (huggingface/hf-hub@v0.4.1 src/lib.rs CacheRepo::get; TGI v3.3.7 router/src/server.rs).
    """
    reference = folder.parent.parent / "refs" / revision
    reference.parent.mkdir(exist_ok=True)
    reference.write_text(folder.name)


def is_damaged(path: Path, file: Any) -> bool:
    """Whether a downloaded file differs from the Hub's: by its SHA-256 in LFS and Xet, by its git hash elsewhere."""
    if not path.exists():
        return False  # left out by the patterns
    if file.lfs:
        expected = file.lfs["sha256"] if isinstance(file.lfs, dict) else file.lfs.sha256
        found = hashlib.sha256()
    else:
        expected = file.blob_id
        found = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            found.update(chunk)
    return bool(found.hexdigest() != expected)


if __name__ == "__main__":
    sys.exit(main())
