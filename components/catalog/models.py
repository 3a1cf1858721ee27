"""Models people serve: their shape, as far as it decides how much GPU memory they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, cast

from ..errors import nearest
from .table import rows

_SUFFIXES: Mapping[str, str] = {
    "-fp8": "fp8",
    "-awq": "awq",
    "-gptq-int4": "gptq",
    "-gptq-int8": "gptq-int8",
    "-bnb-4bit": "bnb-nf4",
}
"""How makers of models name checkpoints that are quantized beforehand, as Qwen/Qwen3-8B-AWQ."""


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of one model.

    Attributes:
        name: its repository on the Hugging Face Hub.
        parameters: weights in memory after loading; a tied head counts once.
        layers: decoder or encoder layers.
        hidden: width of the hidden state.
        intermediate: width of the feed-forward layers, of one expert's in a model whose layers are all experts.
        heads: attention heads.
        kv_heads: heads of keys and values.
        head_dim: width of a head; 0 for multi-head latent attention, which caches one latent instead.
        vocab: entries of the vocabulary.
        context: longest context in tokens; 0 when not sourced.
        tied: whether the head is the embedding.
        dtype: data type of the weights that are not quantized; empty when not sourced, then 16 bits.
        kind: `decoder` generates text and caches keys and values; `encoder` embeds.
        experts: experts of a mixture; 0 for a dense model.
        experts_per_token: experts that work on one token.
        expert_intermediate: width of one expert.
        window: tokens that layers with a sliding window look back on; 0 without.
        window_layers: layers with that window.
        kv_lora_rank: width of the latent of multi-head latent attention; 0 without.
        rope_head_dim: width of the rotary key beside the latent.
        vision_parameters: weights of the vision tower, part of `parameters`.
        stored: format the checkpoint itself is quantized in; empty for none.
        stored_parameters: how many parameters are in that format; 0 leaves it to the format's own rule.
        early_kv_heads: heads of keys and values of the first release, when it had more; 0 when it had not.
        active_parameters: weights that work on one token; 0 when not sourced.
        gated: `yes`, `no`, or empty when not sourced.
        license: its license; empty when not sourced.
        confidence: V for verified against a published count, S for one source, D for a variant derived from its name.
        as_of: the day this was true.
        source: where it can be looked up.
    """

    name: str
    parameters: int
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context: int = 0
    tied: bool = False
    dtype: str = ""
    kind: Literal["decoder", "encoder"] = "decoder"
    experts: int = 0
    experts_per_token: int = 0
    expert_intermediate: int = 0
    window: int = 0
    window_layers: int = 0
    kv_lora_rank: int = 0
    rope_head_dim: int = 0
    vision_parameters: int = 0
    stored: str = ""
    stored_parameters: int = 0
    early_kv_heads: int = 0
    active_parameters: int = 0
    gated: str = ""
    license: str = ""
    confidence: str = ""
    as_of: str = ""
    source: str = ""


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
    match = nearest(name.lower(), _spellings())
    return _spellings()[match] if match else None


def search_models(words: str) -> tuple[Model, ...]:
    """The models whose name or alias has every one of the words in it; all of them without words."""
    wanted = words.lower().split()
    names = {name for spelling, name in _spellings().items() if all(word in spelling for word in wanted)}
    return tuple(model for name, model in models().items() if name in names)


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
