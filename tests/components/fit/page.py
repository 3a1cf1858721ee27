"""docs/memory-fit.md, made from the calculator, its tables and the reports; `python -m tests.components.fit.page`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

from components.catalog.engine_memory import ANY
from components.catalog.table import engine_rows, rows
from components.core.quantity import GIB
from components.engines.registry import ENGINES as KINDS

from .others import accelerate, kaito, planner
from .reports import ENGINES, Report, readings, reports

PAGE = Path(__file__).parents[3] / "docs" / "memory-fit.md"
JUDGED = [report for report in reports() if not report.unjudged]
FAILURES = [report for report in JUDGED if report.failed]
WORKS = [report for report in JUDGED if not report.failed]
LOGGED = [report for report in JUDGED if report.logged is not None]

_MISSES = {
    "F358": "Refused: 28,416 of 32,768 tokens. The manifest sets no utilization that the collection recorded; at 0.95 "
    "instead of the default 0.9 the cache holds them. It is published, not measured.",
    "F016": "The cache is 5 % smaller than logged. The checkpoint of that week had 16 heads of keys and values, and "
    "vLLM before 0.5.4 is judged by it. NCCL's buffers for NVLink SHARP (2.25 GiB) are counted for one communicator, "
    "the fewest there are, and what else eight GPUs take beside PyTorch by SGLang's rule, 1 GiB.",
    "F032": "TGI 2.4 sized the cache itself and ran out of memory later, in use. The calculator finds 5 % fewer tokens "
    "and refuses the 30,816; at TGI 3.3's own reserve of a tenth it would not have taken them either.",
    "F043": "6 % fewer tokens than logged: the row's activations are 0.22 GiB, half of what 256 sequences give.",
    "F055": "6 % more than logged, by an early 2024 version that is read from the date.",
    "F031": "Marginal, because SGLang has two open issues of just this (the table of known defects). By the count "
    "alone it would fit.",
    "F034": "Marginal, because TGI 0.9 is older than any version that was read. By the count alone it would fit.",
    "F059": "Not judged, since neither its length nor its utilization is recorded (above 0.9). At the defaults the "
    "calculator calls it a fit, as F060 is, the same server at 0.9.",
    "F339": "Not judged. The failure is implied, because the benchmark went on with two GPUs, and its max_model_len is "
    "not told. F318 is the same server with 32,768 tokens, which is more than its 14,336, and worked.",
}

_HEAD = """# Memory fit

`infra check` and `infra fit` count what one GPU holds the way the engine itself counts it when it starts. No number is
fitted to an observation: each is read from an engine's source, from PyTorch's, or from a published document, and stands
with its source in the engine's `memory.tsv` or in `components/catalog/engine_memory.tsv`. This page is made from the
code (`make docs`) and shows the calculator against the observed fits and failures in
`tests/components/fit/fit_reports.tsv`; the tests hold it to these bars.
"""

_FORMULAS = """## The formulas

GPU memory is what CUDA reports (`infra gpus`), the lowest of several reports. All amounts are of the fullest GPU.

**Weights** = (layers / shards) x bytes + (embedding + head) / shards x 2 + vision x 2. Embedding, head, norms, router
and vision tower stay in 16 bits when the layers are quantized; a format's bytes include its share of scales and zero
points (AWQ and GPTQ in groups of 128: 4.16 bits; MXFP4: 4.25). Keys' and values' projections are split over at most as
many GPUs as there are such heads. MXFP4 experts are padded as vLLM's kernels want them. With stages, the fullest holds
the most layers and one end.

**KV cache** = tokens x layers x 2 x ceil(heads / shards) x head size x bytes; one latent a token for multi-head latent
attention; in vLLM from 0.10 on, a sliding layer keeps its window and one step. Pages: 16 tokens in vLLM, 1 elsewhere.

**Activations** = the larger of the layers' peak, step tokens x 2 x (3 x intermediate / shards + 4 x hidden), experts
likewise by tokens and experts a token, and the sampler's, sequences x vocabulary x 38 bytes where it sorts (14 where a
kernel masks), and cuBLAS's workspace. TGI's warm-up before 3.0 also holds the logits of every prefill token:
once on one GPU, three times when they are gathered from several.

**Overhead** = 0.15 GiB on one GPU, 0.6 GiB or 1/8 GiB a GPU with several, NVLink SHARP's buffers on more than two
Hopper GPUs before vLLM 0.6.5. The CUDA context, 0.6 GiB, is inside TGI's and SGLang's count and outside vLLM's.

**vLLM**: cache = utilization x total - weights - activations - overhead (- graphs from 0.21 on). Steps of 2,048 tokens
and 256 sequences; 8,192 and 1,024 on GPUs of 70 GiB and more, but an A100; 16,384 from 160 GiB on. Before 0.8 a step is
as long as the longest request, or 512 (2,048 from 0.6.6 on) for contexts above 32,768.

**TGI**: cache = what is free after a warm-up that holds the cache of its own batch and prefills it; 3.3 keeps a tenth
of the GPU free. **SGLang**: cache = mem_fraction_static x (total - context) - weights, unmeasured; activations,
graphs and a table of 2,048 requests by context must fit what is left. **TEI**: weights and one batch.

**Marginal** is what fits with less to spare than 2 % of the weights (KAITO's margin), what leaves no room for the
context and graphs an engine does not count, less than the tenth TGI 3.3 keeps free, versions that were not read, and
known defects.
"""


def page() -> str:
    """The page."""
    errors = [abs(report.cache_error()) for report in LOGGED]
    refused = [report for report in WORKS if report.answer().verdict == "does not fit"]
    marginal = [report for report in WORKS if report.answer().verdict == "marginal"]
    wrong = [report for report in FAILURES if report.answer().verdict == "fits"]
    told = [report for report in FAILURES if report.answer().verdict == "marginal"]
    unjudged = [report for report in reports() if report.row["engine"] in ENGINES and report.unjudged]
    summary = [
        "## How it does",
        "",
        (
            f"Of {len(reports())} rows {len(JUDGED)} are of vLLM, TGI or SGLang with model, GPU and limits recorded; "
            f"{len(unjudged)} more of these engines are listed below with the reason why they are not judged."
        ),
        "",
        "| | rows | | bar |",
        "|---|---:|---|---|",
        f"| failures called a fit | {len(FAILURES)} | **{len(wrong)}** ({len(told)} marginal) | none |",
        (
            f"| fits refused | {len(WORKS)} | **{len(refused)}**, {len(refused) / len(WORKS):.1%} "
            f"({len(marginal)} marginal) | 5 % |"
        ),
        f"| KV-cache capacity, median error | {len(LOGGED)} | **{median(errors):.1%}** | 5 % |",
        f"| KV-cache capacity, largest error | {len(LOGGED)} | **{max(errors):.1%}** | 15 % |",
        "",
        (
            "Beyond the rows: vllm-project/vllm#10511 logs 1.26 GiB of activations for Llama-3-8B on an 80 GB GPU, and "
            "the formula gives 1.26."
        ),
    ]
    blocks = [
        _HEAD.rstrip(),
        "\n".join(summary),
        _FORMULAS.rstrip(),
        "## KV cache against what engines logged\n\n" + "\n".join(_cache_table()),
        "## Failures\n\n" + "\n".join(_table(FAILURES)),
        "## Misses explained\n\n" + "\n".join(f"- **{row}** {text}" for row, text in sorted(_MISSES.items())),
        "## Other tools' formulas on the same rows\n\n" + "\n".join(_others()),
        "## Fits\n\n" + "\n".join(_table(WORKS)),
        "## Rows read otherwise than they stand\n\n" + "\n".join(_readings()),
        "## Not judged\n\n" + "\n".join(f"- {row.id} {row.row['model']}: {row.unjudged}" for row in unjudged),
        "## Every number and its source\n\n" + "\n".join(_facts()),
    ]
    return "\n\n".join(blocks) + "\n"


def _cache_table() -> Iterator[str]:
    yield "| row | engine | model | GPU | logged | computed | error |"
    yield "|---|---|---|---|---:|---:|---:|"
    for report in LOGGED:
        made, logged = report.answer(), report.logged or 0.0
        tokens = bool(report.row["kv_capacity_tokens"])
        shown = (f"{logged:,.0f} tokens", f"{made.held_tokens:,}") if tokens else _gibs(logged, made.budget.cache)
        yield (
            f"| {report.id} | {_engine(report)} | {_model(report)} | {_gpus(report)} | {shown[0]} | {shown[1]} | "
            f"{report.cache_error():+.1%} |"
        )


def _table(found: Iterable[Report]) -> Iterator[str]:
    yield "| row | engine | model | GPU | tokens | observed | said | headroom, GiB | why |"
    yield "|---|---|---|---|---:|---|---|---:|---|"
    for report in found:
        made = report.answer()
        reason = made.reasons[0].partition(" (")[0] if made.reasons else ""
        yield (
            f"| {report.id} | {_engine(report)} | {_model(report)} | {_gpus(report)} | {report.length:,} | "
            f"{report.row['result']} | {made.verdict} | {made.headroom / GIB:.1f} | {reason} |"
        )


def _others() -> Iterator[str]:
    tools: tuple[tuple[str, Callable[[Report], tuple[bool, float]] | None], ...] = (
        ("this", None),
        ("KAITO's document", kaito),
        ("llm-d-planner", planner),
        ("accelerate, and 20 %", accelerate),
    )
    yield "| | failures called a fit | fits refused | KV cache, median error | largest error |"
    yield "|---|---:|---:|---:|---:|"
    for name, formula in tools:
        called = sum(_fits(report, formula) for report in FAILURES)
        refused = sum(not _fits(report, formula) for report in WORKS)
        errors = [_cache_error(report, formula) for report in LOGGED] if formula is not accelerate else []
        shown = f"{median(errors):.1%} | {max(errors):.1%}" if errors else "- | -"
        yield f"| {name} | {called} of {len(FAILURES)} | {refused} of {len(WORKS)} | {shown} |"
    yield ""
    yield "They are fed with the same weights and cache of a token, and the nominal memory they plan with."


def _fits(report: Report, formula: Callable[[Report], tuple[bool, float]] | None) -> bool:
    return (
        formula(report)[0]
        if formula
        else report.answer().verdict != "does not fit" and not (report.failed and report.answer().verdict == "marginal")
    )


def _cache_error(report: Report, formula: Callable[[Report], tuple[bool, float]] | None) -> float:
    if formula is None:
        return abs(report.cache_error())
    made, logged = report.answer(), report.logged or 0.0
    each = made.needed / made.cache_tokens
    logged_bytes = logged * each if report.row["kv_capacity_tokens"] else logged
    return abs(max(0.0, formula(report)[1]) / logged_bytes - 1)


def _readings() -> Iterator[str]:
    yield "| row | what | read as | why |"
    yield "|---|---|---|---|"
    for row in readings():
        if row["field"] != "unjudged":
            yield f"| {row['report_id']} | {row['field']} | {row['reading']} | {row['why']} |"


def _facts() -> Iterator[str]:
    yield "| engine | what | from version | value | source |"
    yield "|---|---|---|---:|---|"
    tables = {engine.kind: engine_rows(engine.kind, "memory") for engine in KINDS} | {ANY: rows("engine_memory")}
    for engine, row in ((engine, row) for engine, table in tables.items() for row in table):
        yield f"| {engine} | {row['fact']} | {row['since']} | {row['value']} | {row['source']} |"


def _gibs(logged: float, computed: float) -> tuple[str, str]:
    return f"{logged / GIB:.2f} GiB", f"{computed / GIB:.2f}"


def _engine(report: Report) -> str:
    return f"{report.row['engine']} {report.get('version')}"


def _model(report: Report) -> str:
    word = report.row["quantization"]
    return report.row["model"].rpartition("/")[2] + (f", {word}" if word else "")


def _gpus(report: Report) -> str:
    return f"{report.row['gpu_count']} x {report.get('gpu')}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
