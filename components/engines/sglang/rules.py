"""What does not fit together among SGLang's flags: what its own checks refuse at start, or what would do nothing.

Source: wheels sglang-0.5.20 and sglang-0.5.23, srt/arg_groups/*_hook.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.errors import Problem, did_you_mean
from ..flag_tables import flags_of, mistakes_of, words_of
from .catalog import parsers
from .flags import SglangFlags

_NEWEST = (0, 5, 23)
"""The newest release that was read."""


def misfits(flags: SglangFlags) -> Iterator[Problem]:
    """What does not fit together among the flags of one server."""
    yield from _memory_misfits(flags)
    yield from _parallel_misfits(flags)
    yield from _speculation_misfits(flags)
    yield from _adapter_misfits(flags)
    yield from _parser_misfits(flags)
    traces = ["otlp_traces_endpoint", "enable_trace"]
    if flags.enable_trace != bool(flags.otlp_traces_endpoint):
        missing, given = traces if flags.enable_trace else reversed(traces)
        yield Problem((missing,), f"is missing, and {given} alone sends no traces; write both")
    if flags.otlp_service_name and not flags.enable_trace:
        yield Problem(("otlp_service_name",), "names traces, and enable_trace is false; write it too")
    if flags.log_requests_level is not None and not flags.log_requests:
        yield Problem(("log_requests_level",), "says how much of a request is logged; write log_requests: true too")


def _memory_misfits(flags: SglangFlags) -> Iterator[Problem]:
    if (longest := flags.context_length) and (held := flags.max_total_tokens) and longest > held:
        yield Problem(("context_length",), f"got {longest}; must be at most max_total_tokens, which is {held}")
    if (chunk := flags.chunked_prefill_size) is not None and chunk > 0 and (page := flags.page_size) and chunk % page:
        nearest = max(page, chunk // page * page)
        yield Problem(
            ("chunked_prefill_size",), f"got {chunk}; must be a multiple of page_size, which is {page}: {nearest}"
        )
    if flags.chunked_prefill_size == 0:
        yield Problem(("chunked_prefill_size",), "got 0; write -1 for whole prompts, or a number of tokens")
    if flags.enable_mixed_chunk and flags.chunked_prefill_size == -1:
        yield Problem(("enable_mixed_chunk",), "mixes chunks of prompts, and chunked_prefill_size is -1; drop one")
    if flags.enable_hierarchical_cache and flags.disable_radix_cache:
        yield Problem(("enable_hierarchical_cache",), "needs the radix cache; drop disable_radix_cache")
    for field in ("hicache_ratio", "hicache_size"):
        if getattr(flags, field) is not None and not flags.enable_hierarchical_cache:
            yield Problem((field,), "sizes the hierarchical cache; write enable_hierarchical_cache: true too")
    if flags.hicache_ratio is not None and flags.hicache_size is not None:
        yield Problem(("hicache_ratio",), "is not used beside hicache_size; drop one")
    if flags.schedule_policy not in (None, "fcfs", "lof") and flags.enable_priority_scheduling:
        message = f'got "{flags.schedule_policy}"; with enable_priority_scheduling it must be fcfs or lof'
        yield Problem(("schedule_policy",), message)


def _parallel_misfits(flags: SglangFlags) -> Iterator[Problem]:
    if flags.tp_size:
        yield from undivided(flags, flags.tp_size)
    if (flags.attn_dp_size or 1) > 1 and (copies := flags.dp_size or 1) > 1:
        yield Problem(("dp_size",), f"got {copies}; with attn_dp_size it must be 1; use replicas for copies")
    if (flags.pp_size or 1) > 1 and flags.speculative_algorithm:
        yield Problem(("speculative_algorithm",), "does not run with pp_size above 1; drop one")
    if flags.enable_mixed_chunk and flags.speculative_algorithm in ("NGRAM", "STANDALONE"):
        yield Problem(("enable_mixed_chunk",), f"does not run with {flags.speculative_algorithm}; drop one")


def undivided(flags: SglangFlags, split: int) -> Iterator[Problem]:
    """Groups within the GPUs that a layer is split over that do not come out even."""
    for field in ("ep_size", "attn_dp_size"):
        if (groups := getattr(flags, field)) and split % groups:
            yield Problem((field,), f"got {groups}; must divide tp_size, which is {split}")


def _parser_misfits(flags: SglangFlags) -> Iterator[Problem]:
    """Parsers that the release does not have; of a release newer than any we know, nothing is said."""
    for field in ("tool_call_parser", "reasoning_parser"):
        name, known = getattr(flags, field), parsers(field, flags.release)
        if name and name not in ("auto", *known) and flags.release <= _NEWEST:
            yield Problem((field,), f'got "{name}"; {did_you_mean(name, ["auto", *known])}')


def _speculation_misfits(flags: SglangFlags) -> Iterator[Problem]:
    given = [
        name
        for name in SglangFlags.model_fields
        if name.startswith("speculative_") and getattr(flags, name) is not None
    ]
    if given and not flags.speculative_algorithm:
        yield Problem((given[0],), "does nothing without speculative_algorithm; write that too")
    if flags.speculative_draft_model_revision and not flags.speculative_draft_model_path:
        yield Problem(("speculative_draft_model_revision",), "belongs to speculative_draft_model_path; write that")
    if flags.speculative_algorithm and flags.attention_backend == "flex_attention":
        yield Problem(("attention_backend",), 'got "flex_attention", which does not guess ahead; leave it out')
    if flags.speculative_algorithm in ("STANDALONE", "EAGLE3", "DFLASH") and not flags.speculative_draft_model_path:
        message = f"is missing, and {flags.speculative_algorithm} has no draft without it"
        yield Problem(("speculative_draft_model_path",), message)
    if flags.speculative_algorithm == "NGRAM" and flags.speculative_draft_model_path:
        yield Problem(("speculative_draft_model_path",), "is not used by NGRAM, which has no draft model; drop it")
    later = flags.speculative_eagle_topk or flags.speculative_num_draft_tokens
    if flags.speculative_algorithm in ("EAGLE", "EAGLE3", "NEXTN") and later and flags.speculative_num_steps is None:
        yield Problem(
            ("speculative_num_steps",),
            "is missing; speculative_eagle_topk and speculative_num_draft_tokens are only taken together with it",
        )


def _adapter_misfits(flags: SglangFlags) -> Iterator[Problem]:
    serves = flags.enable_lora or flags.lora_paths
    of_adapters = (
        "max_loras_per_batch",
        "max_loaded_loras",
        "max_lora_rank",
        "lora_target_modules",
        "lora_backend",
    )
    for field in of_adapters:
        if getattr(flags, field) and not serves:
            yield Problem((field,), "is for adapters, and there are none; write lora_paths or enable_lora: true")
    if flags.enable_lora and not flags.lora_paths and not (flags.max_lora_rank and flags.lora_target_modules):
        yield Problem(("enable_lora",), "needs lora_paths, or both max_lora_rank and lora_target_modules")
    if "all" in flags.lora_target_modules and len(flags.lora_target_modules) > 1:
        yield Problem(("lora_target_modules",), "`all` names every layer already; write it alone")
    loaded, batch = flags.max_loaded_loras, flags.max_loras_per_batch or 8
    if serves and loaded and loaded < batch:
        message = f"got {loaded}; must be at least max_loras_per_batch, which is {batch}"
        yield Problem(("max_loaded_loras",), message)
    elif loaded and len(flags.lora_paths) > loaded:
        message = f"got {loaded}; lora_paths names {len(flags.lora_paths)}, which are loaded at start"
        yield Problem(("max_loaded_loras",), message)


def abbreviations(arguments: Sequence[str]) -> Iterator[Problem]:
    """Flags cut short: argparse takes `--context` for `--context-length`, which would repeat the field."""
    known = [flag.flag for flag in flags_of("sglang").values()]
    for number, argument in enumerate(arguments):
        name = argument.partition("=")[0]
        if not name.startswith("--") or name in known or words_of(name) in mistakes_of("sglang"):
            continue
        if meant := next((flag for flag in known if flag.startswith(name)), ""):
            message = f'got "{name}"; SGLang would take it for {meant}: write the flag in full, or its field'
            yield Problem(("extra_args", number), message)
