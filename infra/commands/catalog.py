"""The commands that need no stack: `infra fit`, `infra models` and `infra gpus`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import typer

from ..terminal.terminal import FINDINGS, PROVED, complain, printable, say, say_json

Search = Annotated[list[str] | None, typer.Argument(metavar="SEARCH", help="Words in the name. Omitted: all.")]
ListStyle = Annotated[Literal["table", "json"], typer.Option("--format", help="A table, or JSON with sources.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(name="fit")(fit_model)
    app.command(name="models")(list_models)
    app.command(name="gpus")(list_gpus)


def fit_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its repository on the Hugging Face Hub.")],
    *,
    gpu: Annotated[str, typer.Option("--gpu", metavar="GPU", help="GKE's name, such as nvidia-tesla-t4, or l4.")],
    gpus: Annotated[int, typer.Option("--gpus", metavar="N", help="GPUs of one replica.")] = 1,
    engine: Annotated[str, typer.Option("--engine", metavar="KIND", help="What serves it.")] = "vllm",
    engine_version: Annotated[
        str, typer.Option("--engine-version", metavar="V", help="Its version, or a month such as Nov-2024.")
    ] = "",
    quantize: Annotated[str | None, typer.Option("--quantize", metavar="Q", help="fp8, awq, bnb-nf4, …")] = None,
    dtype: Annotated[str | None, typer.Option("--dtype", metavar="D", help="Omitted: the checkpoint's.")] = None,
    kv_cache_dtype: Annotated[str | None, typer.Option("--kv-cache-dtype", metavar="D", help="Such as fp8.")] = None,
    max_total_tokens: Annotated[
        int | None, typer.Option("--max-total-tokens", metavar="N", help="Longest prompt and answer.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", metavar="N", help="So many of them in the cache at once.")
    ] = None,
    pipeline: Annotated[int, typer.Option("--pipeline", metavar="N", help="Stages of layers.")] = 1,
    data_parallel: Annotated[int, typer.Option("--data-parallel", metavar="N", help="Copies of attention.")] = 1,
    memory_fraction: Annotated[
        float | None,
        typer.Option("--gpu-memory-utilization", metavar="F", help="Share of a GPU the engine may take."),
    ] = None,
    style: Annotated[Literal["text", "json"], typer.Option("--format", help="For people, or for machines.")] = "text",
) -> int:
    """Say whether a model fits GPUs.

    What takes how much of each GPU, what fits at most, and what would fit instead.

    Exits with 0 when it fits, even if only just, 1 when it does not, 2 when the question has a mistake.
    """
    from . import fit as fitting  # noqa: PLC0415 - only this command asks

    made = fitting.answer(
        model,
        gpu=gpu,
        gpus=gpus,
        engine=engine,
        engine_version=engine_version,
        quantize=quantize,
        dtype=dtype,
        kv_cache_dtype=kv_cache_dtype,
        max_total_tokens=max_total_tokens,
        concurrency=concurrency,
        pipeline=pipeline,
        data_parallel=data_parallel,
        memory_fraction=memory_fraction,
    )
    if style == "json":
        say_json(fitting.as_json(made))
    else:
        for line in fitting.lines(made):
            say(printable(line))
    return FINDINGS if made.verdict == "does not fit" else PROVED


def list_models(search: Search = None, style: ListStyle = "table") -> int:
    """List the models whose memory is known."""
    from . import lists  # noqa: PLC0415 - only the two lists

    found = lists.find_models(" ".join(search or []))
    return _listed(search, lists.models_json(found) if style == "json" else lists.model_lines(found), len(found))


def list_gpus(search: Search = None, style: ListStyle = "table") -> int:
    """List GPUs with their memory as CUDA reports it."""
    from . import lists  # noqa: PLC0415 - only the two lists

    found = lists.find_gpus(" ".join(search or []))
    return _listed(search, lists.gpus_json(found) if style == "json" else lists.gpu_lines(found), len(found))


def _listed(search: list[str] | None, shown: list[dict[str, Any]] | Iterator[str], count: int) -> int:
    if isinstance(shown, list):
        say_json(shown)
    elif count:
        for line in shown:
            say(printable(line))
    if not count:
        complain(f'infra: nothing in the catalog has "{printable(" ".join(search or []))}" in its name')
    return PROVED if count else FINDINGS
