"""Hardening, what runs: images and models that can change under a name, and secrets written in plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ..catalog.table import rows
from ..core.config import is_commit
from ..core.secrets import looks_secret, names_secret
from ..engines.image_facts import with_digest
from ..kinds.contents import files_of, secret_values
from ..kinds.metadata import annotations_of
from ..kinds.pod import ContainerSpec
from ..reading.index import Index
from ..reading.workload import MODEL, Workload, place
from .rule import Fault, rule

REVISION = "inference/model-revision"
_MOVING = re.compile(
    r"latest|main|master|nightly|edge|dev|stable|rolling|(latest|nightly|main|dev)-.*|.*-(latest|nightly)"
)
_HARMLESS = re.compile(r"[-+.\d]*|true|false|on|off|yes|no|none|/.*", re.IGNORECASE)
"""What is no credential whatever it is called: a number, a switch, a path (MAX_TOTAL_TOKENS, TOKEN_FILE)."""


@rule("moving-image", "hardening", "error")
def moving_image(index: Index) -> Iterator[Fault]:
    """An image without a tag, or with one that is made to move.

    The next pod may run something else than the one beside it: nobody decided it, no diff shows it, and a rollback
    brings nothing back. A digest fixes the image whatever its tag says. Source:
    kubernetes.io/docs/concepts/containers/images, "Image names".

    Fix: name a version, and its digest where one is known.
    """
    for pod, container, image in _images(index):
        tag = tag_of(image)
        if "@sha256:" not in image and (not tag or _MOVING.fullmatch(tag)):
            what = f"the tag {tag}, which moves" if tag else "no tag, which means latest"
            yield Fault(
                pod.at("engine", "image"),
                f"{pod.subject}: container {container.name} runs {image} with {what}",
                (f"name a version: {_bare(image)}:<version>@sha256:<digest>",),
            )


@rule("image-without-digest", "hardening", "warning")
def image_without_digest(index: Index) -> Iterator[Fault]:
    """An image named by its tag alone.

    A tag is a name its owner can move; a digest is the image. Where the catalog knows the digest of the tag it is told.
    Not every release has a digest somebody published: for those, look it up once and write it down. Source:
    kubernetes.io/docs/concepts/containers/images, "Image names".

    Fix: add the digest to the reference (`crane digest <image>` prints it).
    """
    for pod, container, image in _images(index):
        tag = tag_of(image)
        if "@sha256:" in image or not tag or _MOVING.fullmatch(tag):
            continue
        known = _with_digest(image)
        yield Fault(
            pod.at("engine", "image"),
            f"{pod.subject}: container {container.name} runs {image} by its tag alone",
            (known,) if known else (f"add @sha256:… as `crane digest {image}` prints it",),
        )


@rule("model-not-pinned", "hardening", "warning")
def model_not_pinned(index: Index) -> Iterator[Fault]:
    """A model without a commit of its repository.

    A branch or tag moves: two replicas may serve different weights, and code from the repository, where it is trusted,
    may change under a running environment. Only the 40 digits of a commit stay what they are. Source:
    huggingface.co/docs/huggingface_hub/guides/download, "From specific version".

    Fix: write `revision` with the commit.
    """
    seen: set[tuple[str, str | None, str | None]] = set()
    for pod in index.workloads:
        model, revision = pod.annotations.get(MODEL), pod.annotations.get(REVISION)
        if model and not is_commit(revision) and (pod.part.key, model, revision) not in seen:
            seen.add((pod.part.key, model, revision))
            how = f"at {revision}, which can move" if revision else "without a revision: main, as it is at start"
            yield Fault(
                pod.at("revision"),
                f"{pod.subject} serves {model} {how}",
                (f"revision: the 40 digits of a commit, from huggingface.co/{model}/commits",),
            )


@rule("plaintext-secret", "hardening", "error")
def plaintext_secret(index: Index) -> Iterator[Fault]:
    """A credential written in plain text.

    It would stand in the stack file, in Pulumi's state, in rendered trees and in the cluster, readable by everybody who
    may read pods. Looked at: variables, arguments and annotations of pods, ConfigMaps, Secrets, and values of charts;
    by what a value looks like (Hugging Face, AWS, GitHub and OpenAI tokens, private keys), by what a variable is
    called, and whatever a Secret holds that is not a reference to the stack's configuration. The value is never shown.

    Fix: `pulumi config set --secret`, and refer to it; for the Hugging Face token, `hf_token`.
    """
    harmless: set[tuple[str, str]] = set()
    for pod in index.workloads:
        for container in pod.every_container:
            if looks_secret("\n".join(container.arguments)):
                yield _told(pod.at("engine", "args"), f"{pod.subject}: an argument of container {container.name}")
            for name, value in container.env:
                if not isinstance(value, str) or (name, value) in harmless:
                    continue
                if not _is_secret(name, value):
                    harmless.add((name, value))
                else:
                    where = f"{pod.subject}: variable {name} of container {container.name}"
                    yield _told(pod.at("env", name), where)
    notes = [(pod.at("annotations"), pod.subject, pod.annotations) for pod in index.workloads]
    objects = ((entry.part, entry.item) for entry in index.entries if entry.is_object)
    for part, item in objects:
        if annotations := annotations_of(item.properties):
            notes.append((place(part), f"{item.kind} {item.object_name}", annotations))
    suspect = cache(looks_secret)
    for path, subject, annotations in notes:
        for key, value in annotations.items():
            if suspect(str(value)):
                yield _told(path, f"{subject}: annotation {key}")
    for part, item in index.objects("ConfigMap"):
        for key, value in files_of(item.properties).items():
            if looks_secret(str(value)) or ("." not in key and _is_secret(key, value)):
                yield _told(place(part), f"ConfigMap {item.object_name}: key {key}")
    for part, item in index.objects("Secret"):
        for key, value in secret_values(item.properties):
            if isinstance(value, str):
                yield _told(place(part), f"Secret {item.object_name}: key {key}")
    for part, item in index.objects("chart"):
        for key, value in _leaves(item.properties.get("values", {})):
            if looks_secret(value):
                yield _told(place(part), f"chart {item.object_name}: value {key}")


RULES = (moving_image, plaintext_secret, image_without_digest, model_not_pinned)
"""In the order they are told."""


@cache
def name_of(image: str) -> str:
    """The last part of an image's name, without tag and digest: `text-generation-inference`."""
    return _bare(image).rpartition("/")[2]


def tag_of(image: str) -> str:
    """The tag of an image reference; empty when there is none."""
    name = image.partition("@")[0]
    return name.rpartition(":")[2] if ":" in name.rpartition("/")[2] else ""


def _images(index: Index) -> Iterator[tuple[Workload, ContainerSpec, str]]:
    """Every container with its image; the same image in several versions of one server counts once."""
    seen: set[tuple[str, str]] = set()
    for pod in index.workloads:
        for container in pod.every_container:
            image = container.image
            if (pod.part.key, image) not in seen:
                seen.add((pod.part.key, image))
                yield pod, container, image


def _bare(image: str) -> str:
    name = image.partition("@")[0]
    return name.removesuffix(f":{tag_of(image)}")


@cache
def _with_digest(image: str) -> str:
    """The same reference with the digest the catalog knows for its tag; empty when it knows none."""
    if known := with_digest(_bare(image), tag_of(image)):
        return known
    own = (row for row in rows("addon_images") if f"{row['repository']}:{row['tag']}" == image)
    return next((f"{image}@{row['digest']}" for row in own), "")


@cache
def _suspicious(name: str) -> bool:
    return names_secret(name)


def _is_secret(name: str, value: Any) -> bool:
    """Whether a named value is a credential in plain text."""
    if not isinstance(value, str):
        return False
    return looks_secret(value) or (_suspicious(name) and not _HARMLESS.fullmatch(value))


def _told(path: tuple[str | int, ...], where: str) -> Fault:
    return Fault(
        path,
        f"{where} holds a credential in plain text; the value is not shown here",
        ("pulumi config set --secret, and refer to it", "for the Hugging Face token: hf_token"),
    )


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, key)
    elif isinstance(value, str):
        yield key, value
