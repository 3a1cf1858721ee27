"""What one replica asks of GPU memory, in words that all engines share."""

from __future__ import annotations

from dataclasses import dataclass

from .shape import Model


@dataclass(frozen=True, slots=True)
class Demand:
    """One replica's settings that decide how much GPU memory it takes. `None` leaves the engine's own default.

    Attributes:
        engine: the engine's `kind`, such as `vllm`.
        version: the engine's release, which decides its defaults; empty when unknown.
        model: the model's repository on the Hugging Face Hub.
        tensor_parallel: GPUs that every layer is split over.
        pipeline_parallel: groups of consecutive layers, each on GPUs of its own.
        data_parallel: copies of the attention layers, each on GPUs of its own; experts are split over all of them.
        quantization: how weights are stored, in the engine's own word, such as `awq` or `bitsandbytes-nf4`.
        dtype: data type of weights that are not quantized: `float16`, `bfloat16` or `float32`.
        kv_cache_dtype: data type of the KV cache, such as `fp8_e4m3fn`.
        memory_fraction: share of a GPU's memory that the engine may take, above 0, at most 1.
        request_tokens: longest prompt and answer of one request together, in tokens.
        input_tokens: longest prompt of one request, in tokens.
        step_tokens: most tokens that one forward step works on.
        cache_tokens: tokens that the KV cache must hold, of all requests together.
        requests: requests that run at the same time.
        cuda_graphs: whether the engine captures CUDA graphs.
        adapters: LoRA adapters in GPU memory at the same time.
        adapter_rank: the highest rank of those adapters.
        draft_model: the smaller model of speculative decoding, loaded beside the other.
        architecture: the model's shape where the stack gives it; `None` looks it up in the catalog.
    """

    engine: str
    version: str
    model: str
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    quantization: str | None = None
    dtype: str | None = None
    kv_cache_dtype: str | None = None
    memory_fraction: float | None = None
    request_tokens: int | None = None
    input_tokens: int | None = None
    step_tokens: int | None = None
    cache_tokens: int | None = None
    requests: int | None = None
    cuda_graphs: bool | None = None
    adapters: int = 0
    adapter_rank: int = 0
    draft_model: str | None = None
    architecture: Model | None = None

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel
