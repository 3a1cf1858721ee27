"""Models people serve: their shape, as far as it decides how much GPU memory they take."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Literal, cast

from ..core.errors import nearest
from ..core.shape import Model
from .table import rows

__all__ = ["Model", "find_model", "meant_model", "models", "search_models"]

_SUFFIXES: Mapping[str, str] = {
    "-fp8": "fp8",
    "-awq": "awq",
    "-gptq-int4": "gptq",
    "-gptq-int8": "gptq-int8",
    "-bnb-4bit": "bnb-nf4",
}
"""How makers of models name checkpoints that are quantized beforehand, as Qwen/Qwen3-8B-AWQ."""

_ALIKE = 3
"""One in so many of a word's triples is in a name that it could be a slip of: each slip breaks three at most."""


@cache
def models() -> Mapping[str, Model]:
    """Every model in the catalog by its name on the Hub, variants of the table included."""
    found = {row["model"]: _model(row) for row in rows("models")}
    for row in rows("model_variants"):
        base = found[row["base"]]
        found[row["model"]] = replace(
            base,
            name=row["model"],
            stored=row["quantization"],
            stored_parameters=0,
            confidence="S",
            as_of=row["as_of"],
            source=f"{row['base']}, quantized: {row['source']}",
        )
    return dict(sorted(found.items(), key=lambda entry: entry[0].lower()))


@cache
def find_model(name: str) -> Model | None:
    """The model of a Hub repository, whatever the case; also one whose name says how its base was quantized."""
    word = name.lower()
    if known := _known(word):
        return models()[known]
    for suffix, stored in _SUFFIXES.items():
        base = _known(word.removesuffix(suffix))
        if word.endswith(suffix) and base:
            return replace(models()[base], name=name, stored=stored, stored_parameters=0, confidence="D")
    return None


def _known(word: str) -> str | None:
    """The catalog's name of a repository, or of the only one that is called so where the owner is left out."""
    if word in _spellings() or "/" in word:
        return _spellings().get(word)
    names = {known for spelling, known in _spellings().items() if spelling.rpartition("/")[2] == word}
    return names.pop() if len(names) == 1 else None


def meant_model(name: str) -> str | None:
    """The name that somebody probably meant: another owner, a typing error; `None` when nothing is close."""
    repository = name.lower().rpartition("/")[2]
    for spelling, known in _spellings().items():
        if spelling.rpartition("/")[2] == repository:
            return known
    # To measure how far a name is from every other takes most of a millisecond: only from those that look alike.
    triples = _triples(name.lower())
    shared = Counter(spelling for triple in triples for spelling in _by_triple().get(triple, ()))
    match = nearest(name.lower(), [spelling for spelling, count in shared.items() if _ALIKE * count >= len(triples)])
    return _spellings()[match] if match else None


def search_models(words: str) -> tuple[Model, ...]:
    """The models whose name or alias has every one of the words in it; all of them without words."""
    wanted = words.lower().split()
    names = {name for spelling, name in _spellings().items() if all(word in spelling for word in wanted)}
    return tuple(model for name, model in models().items() if name in names)


def _triples(word: str) -> set[str]:
    """All three letters of a word that follow each other."""
    return {word[start : start + 3] for start in range(len(word) - 2)}


@cache
def _by_triple() -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for spelling in _spellings():
        for triple in _triples(spelling):
            found[triple].append(spelling)
    return found


@cache
def _spellings() -> Mapping[str, str]:
    names = {name.lower(): name for name in models()}
    aliases = {alias.lower(): row["model"] for row in rows("models") for alias in row["aliases"].split(",") if alias}
    return aliases | names


def _model(row: Mapping[str, str]) -> Model:
    def number(column: str) -> int:
        return int(row[column] or 0)

    return Model(
        name=row["model"],
        parameters=number("parameters"),
        layers=number("layers"),
        hidden=number("hidden"),
        intermediate=number("intermediate"),
        heads=number("heads"),
        kv_heads=number("kv_heads"),
        head_dim=number("head_dim"),
        vocab=number("vocab"),
        context=number("context"),
        tied=row["tied"] == "yes",
        dtype=row["dtype"],
        kind=cast("Literal['decoder', 'encoder']", row["kind"]),
        experts=number("experts"),
        experts_per_token=number("experts_per_token"),
        expert_intermediate=number("expert_intermediate"),
        window=number("window"),
        window_layers=number("window_layers"),
        kv_lora_rank=number("kv_lora_rank"),
        rope_head_dim=number("rope_head_dim"),
        vision_parameters=number("vision_parameters"),
        stored=row["stored"],
        stored_parameters=number("stored_parameters"),
        early_kv_heads=number("early_kv_heads"),
        active_parameters=number("active_parameters"),
        gated=row["gated"],
        license=row["license"],
        confidence=row["confidence"],
        as_of=row["as_of"],
        source=row["source"],
    )
