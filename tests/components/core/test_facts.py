from __future__ import annotations

import pytest

from components.core.facts import image_version


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("registry:5000/team/server:1.2@sha256:abc", "1.2"),
        ("registry:5000/team/server@sha256:0123456789abcdef", "sha256:0123456789ab"),
        ("registry:5000/team/server", ""),
    ],
)
def test_an_image_says_its_version_by_its_tag_or_else_its_digest(image: str, version: str) -> None:
    assert image_version(image) == version
