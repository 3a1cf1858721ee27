"""The settings of vLLM: the flags of `vllm serve`, and which image they are for.

The flags are in `model`, `running` and `serving`, by what they are about.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from ...core.config import Image, patterned
from ..engine import Engine
from .model import VllmModelFlags
from .running import VllmRunningFlags
from .serving import VllmServingFlags


class VllmFlags(VllmServingFlags, VllmRunningFlags, VllmModelFlags, Engine):
    """Every setting of vLLM."""

    kind: Literal["vllm"]
    """The engine's name."""
    version: Annotated[str, patterned(r"^\w[-\w.]{0,127}$", "an image tag such as v0.30.0-cu129")] = "v0.30.0-cu129"
    """Image tag. Omitted: v0.30.0-cu129, whose CUDA 12.9 runs on NVIDIA drivers from 525 on; images of CUDA 13
    (v0.31.0) ask for 580 (docs.nvidia.com/cuda/cuda-toolkit-release-notes, minor version compatibility)."""
    image: Image | None = None
    """Another image with vLLM in it, such as a mirror in Artifact Registry. Omitted: the official one at `version`,
    which says which flags there are in either case."""
    extra_args: tuple[str, ...] = ()
    """Further arguments, for flags that are not fields here. Omitted: none."""

    @property
    def release(self) -> tuple[int, ...] | None:
        """The release that the tag names, `(0, 30, 0)`; `None` for a tag that names none, such as a nightly's."""
        numbers = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?![\w])", self.version)
        return tuple(int(part) for part in numbers.groups(default="0")) if numbers else None
