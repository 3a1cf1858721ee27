"""Which of TGI's settings exclude each other.

Sources are of huggingface/text-generation-inference@v3.3.7: launcher/src/main.rs (main, find_num_shards),
backends/v3/src/main.rs (Validate args) and server/text_generation_server (cli.py, models/globals.py, models/model.py,
layers/attention/kv_cache.py); v3.3.5 and v3.3.6 do not differ in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...core.errors import Problem
from .. import images
from ..flags import extra_arguments_misfits, release_misfits
from .flags import TgiFlags
from .rocm import rocm_refusal

REPOSITORY = "ghcr.io/huggingface/text-generation-inference"
_BITSANDBYTES = ("bitsandbytes-nf4", "bitsandbytes-fp4")
_SPLIT = frozenset(" \t\n*?[")
"""What a shell acts on in an argument without quotes: tgi-entrypoint.sh hands them on as `$@`."""


def misfits(engine: TgiFlags) -> Iterator[Problem]:
    """Everything that does not fit together in one engine's settings."""
    yield from _image_misfits(engine)
    yield from _token_misfits(engine)
    yield from _model_misfits(engine)
    yield from _attention_misfits(engine)
    yield from _rocm_misfits(engine)
    yield from _client_misfits(engine)
    yield from release_misfits("tgi", engine.version, engine.model_fields_set)
    # Each release that is served here has the same flags, and there will be no other: TGI is in maintenance mode.
    yield from extra_arguments_misfits("tgi", engine.extra_args, complete=engine.image is None)
    for number, argument in enumerate(engine.extra_args):
        if splits(argument):
            fix = "set it as a variable in env next to engine"
            yield Problem(("extra_args", number), f"the image's entrypoint would split it or expand it; {fix}")


def splits(argument: str) -> bool:
    """Whether the entrypoint's shell would make something else of an argument."""
    return not argument or not _SPLIT.isdisjoint(argument)


def _image_misfits(engine: TgiFlags) -> Iterator[Problem]:
    if engine.image is not None:
        return
    if engine.version.endswith("-rocm"):
        plain = engine.version.removesuffix("-rocm")
        fix = f"write version: {plain}, and run it on one machine by `infra docker` with --gpu amd"
        yield Problem(("version",), f'got "{engine.version}", an image for AMD GPUs, which GKE does not have; {fix}')
        return
    tag = engine.tag
    if reason := images.refusal("tgi", REPOSITORY, tag):
        rocm = engine.platform == "rocm"
        usable = [each for each in images.usable_tags("tgi", REPOSITORY) if each.endswith("-rocm") == rocm]
        listed = ", ".join(each.removesuffix("-rocm") for each in usable)
        yield Problem(("version",), f'got "{engine.version}"; {reason}; use one of: {listed}')


def _token_misfits(engine: TgiFlags) -> Iterator[Problem]:
    prompt, total = engine.max_input_tokens, engine.max_total_tokens
    prefill, batch = engine.max_batch_prefill_tokens, engine.max_batch_total_tokens
    if prompt and total and prompt >= total:
        yield Problem(("max_input_tokens",), f"got {prompt}; must be less than max_total_tokens, which is {total}")
    if total and batch and total > batch:
        message = f"got {total}; must be at most max_batch_total_tokens, which is {batch}"
        yield Problem(("max_total_tokens",), message)
    if prefill and batch and prefill > batch:
        message = f"got {prefill}; must be at most max_batch_total_tokens, which is {batch}"
        yield Problem(("max_batch_prefill_tokens",), message)
    if prompt and prefill and prompt > prefill and (cause := unchunked(engine)):
        message = f"got {prefill}; must be at least max_input_tokens, which is {prompt}: {cause}"
        yield Problem(("max_batch_prefill_tokens",), f"{message}, so that each prompt is worked on whole")


def unchunked(engine: TgiFlags) -> str:
    """Why prompts are not worked on in parts; empty when they are (models/model.py)."""
    if engine.prefill_chunking is False:
        return "prefill_chunking is false"
    if _paged(engine):
        return "attention is paged"
    if engine.platform == "rocm" and engine.prefill_chunking is None:
        return "prefill_chunking is false in the image for AMD GPUs"
    return "speculate is set" if engine.speculate else ""


def _paged(engine: TgiFlags) -> bool:
    """Whether it uses paged attention; the image for AMD GPUs does unless told otherwise (Dockerfile_amd)."""
    return engine.attention == "paged" or (engine.platform == "rocm" and engine.attention is None)


def _model_misfits(engine: TgiFlags) -> Iterator[Problem]:
    if engine.dtype and engine.quantize and engine.quantize not in _BITSANDBYTES:
        message = f"dtype {engine.dtype} cannot be combined with quantize {engine.quantize}; drop one"
        yield Problem(("dtype",), message)
    if engine.rope_scaling and engine.rope_factor is None:
        message = f"{engine.rope_scaling} without rope_factor changes nothing; write rope_factor too, or drop both"
        yield Problem(("rope_scaling",), message)
    if graphs := engine.cuda_graphs:
        if engine.quantize == "exl2":
            yield Problem(("cuda_graphs",), "exl2 does not work with CUDA graphs; leave it out")
        if engine.lora_adapters:
            yield Problem(("cuda_graphs",), "TGI has no CUDA graphs with lora_adapters; leave it out")
        if twice := [str(size) for size, count in Counter(graphs).items() if count > 1]:
            yield Problem(("cuda_graphs",), f"lists {' and '.join(twice)} twice; name each batch size once")
    names = Counter(adapter.partition("=")[0].partition("@")[0] for adapter in engine.lora_adapters)
    for number, adapter in enumerate(engine.lora_adapters):
        name = adapter.partition("=")[0].partition("@")[0]
        if names[name] > 1:
            fix = "requests name it so; give each a name of its own, as in name=/data/path"
            yield Problem(("lora_adapters", number), f'"{name}" is listed {names[name]} times; {fix}')


def _attention_misfits(engine: TgiFlags) -> Iterator[Problem]:
    if engine.kv_cache_dtype and engine.attention == "flashdecoding":
        message = f"{engine.kv_cache_dtype} needs flashinfer or paged attention; got flashdecoding: drop one"
        yield Problem(("kv_cache_dtype",), message)
    if engine.prefix_caching:
        if _paged(engine):
            yield Problem(("prefix_caching",), "paged attention cannot share prefixes; write attention: flashdecoding")
        if engine.lora_adapters:
            cause = "adapters would read each other's KV cache"
            yield Problem(("prefix_caching",), f"cannot be combined with lora_adapters: {cause}; drop one")
    if engine.prefill_chunking and (cause := unchunked(engine)):
        yield Problem(("prefill_chunking",), f"TGI turns it off: {cause}; drop one")


def _rocm_misfits(engine: TgiFlags) -> Iterator[Problem]:
    if engine.platform != "rocm":
        return
    for field in ("quantize", "kv_cache_dtype", "attention"):
        value = getattr(engine, field)
        if value and (reason := rocm_refusal(field, value)):
            yield Problem((field,), f"got {value}; {reason}")


def _client_misfits(engine: TgiFlags) -> Iterator[Problem]:
    if "*" in engine.cors_allow_origin and len(engine.cors_allow_origin) > 1:
        yield Problem(("cors_allow_origin",), "`*` allows every origin already; write it alone")
    if (most := engine.max_concurrent_requests) and (size := engine.max_client_batch_size) and size > most:
        # Each prompt of a request takes one place (router/src/infer/mod.rs, limit_concurrent_requests).
        message = f"got {size}; must be at most max_concurrent_requests, which is {most}: each prompt takes a place"
        yield Problem(("max_client_batch_size",), message)
