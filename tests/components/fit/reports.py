"""The observed fits and failures, as questions to the calculator."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from components.catalog.gpu_memory import GpuMemory, find_gpu
from components.catalog.models import Model, find_model
from components.core.demand import Demand
from components.core.quantity import GIB
from components.fit.fit import Fit, fit

FOLDER = Path(__file__).parent
ENGINES = {"vLLM": "vllm", "TGI": "tgi", "SGLang": "sglang"}


@dataclass(frozen=True)
class Report:
    """One row of fit_reports.tsv, with what readings.tsv says of it."""

    row: dict[str, str]
    notes: dict[str, str]

    @property
    def id(self) -> str:
        return self.row["report_id"]

    @property
    def failed(self) -> bool:
        return self.row["result"] != "works"

    def get(self, name: str) -> str:
        return self.notes.get(name, self.row.get(name, ""))

    @property
    def model(self) -> Model | None:
        return find_model(self.get("model"))

    @property
    def gpu(self) -> GpuMemory | None:
        return find_gpu(self.get("gpu"))

    @property
    def length(self) -> int:
        found = re.search(r"max_model_len (\d+)", self.row["observed"])
        return int(found[1]) if found else int(self.get("max_len_or_tokens") or 0)

    @property
    def unjudged(self) -> str:
        """Why the row is not judged; empty when it is."""
        if self.row["engine"] not in ENGINES:
            return "not an engine of ours"
        if reason := self.get("unjudged"):
            return reason
        if self.model is None:
            return "its model is not recorded or not in the catalog"
        if self.gpu is None:
            return "its GPU is not recorded"
        if not self.length:
            return "no limit is recorded"
        return ""

    @property
    def demand(self) -> Demand:
        parallel = self.row["parallel"]
        word = self.get("quantization")
        plain = word in ("", "bf16", "fp16", "bf16/fp16")
        share = re.sub(r"[^\d.]", "", self.row["gpu_mem_util"])

        def split(kind: str) -> int:
            found = re.search(rf"{kind}(\d+)", parallel)
            return int(found[1]) if found else 1

        observed = self.row["observed"]
        sequences = re.search(r"max_num_seqs (\d+)", observed)
        prefill = re.search(r"prefill (\d[\d,]*)", observed)
        return Demand(
            engine=ENGINES[self.row["engine"]],
            version=self.get("version"),
            model=self.get("model"),
            tensor_parallel=split("tp"),
            pipeline_parallel=split("pp"),
            data_parallel=split("dp"),
            quantization=None if plain else word,
            dtype={"bf16": "bfloat16", "fp16": "float16"}.get(word),
            kv_cache_dtype="fp8" if "fp8 KV" in observed else None,
            memory_fraction=float(share) if share else None,
            request_tokens=int(self.get("request_tokens") or self.length) or None,
            input_tokens=int(self.get("input_tokens") or 0) or None,
            step_tokens=int(prefill[1].replace(",", "")) if prefill else None,
            cache_tokens=int(self.get("cache_tokens") or 0) or None,
            requests=int(sequences[1]) if sequences else None,
            cuda_graphs=False if "eager" in observed else None,
        )

    def answer(self) -> Fit:
        assert self.model is not None
        assert self.gpu is not None
        model, gpu = self.model, self.gpu
        if total := self.row["gpu_total_gib"]:
            gpu = replace(gpu, bytes=float(total) * GIB)
        return fit(model, self.demand, gpu)

    @property
    def logged(self) -> float | None:
        """What the engine logged of its cache: tokens, or bytes where it told no tokens; `None` without either.

        Where it left less than nothing there is no cache to compare.
        """
        if tokens := self.row["kv_capacity_tokens"]:
            return float(tokens)
        available = float(self.row["kv_available_gib"] or 0)
        return available * GIB if available > 0 else None

    def cache_error(self) -> float:
        """How far the calculator is off, as a share of what was logged."""
        made, logged = self.answer(), self.logged
        assert logged is not None
        computed = made.held_tokens if self.row["kv_capacity_tokens"] else made.budget.cache
        return computed / logged - 1


@cache
def readings() -> tuple[dict[str, str], ...]:
    """What of a row is read otherwise than it stands, and why."""
    return tuple(_table("readings.tsv"))


@cache
def reports() -> tuple[Report, ...]:
    """Every row."""
    notes: dict[str, dict[str, str]] = {}
    for row in readings():
        notes.setdefault(row["report_id"], {})[row["field"]] = row["reading"]
    return tuple(Report(row, notes.get(row["report_id"], {})) for row in _table("fit_reports.tsv"))


def _table(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
