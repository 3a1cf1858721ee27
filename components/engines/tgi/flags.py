"""The fields of TGI's config: one for each flag and variable that is a choice, in the groups its reference has.

Which flag each field is, and which flags have no field and why, is data: flags.tsv.
"""

# Annotations are no text here: pydantic would evaluate each again for every class that inherits it.
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ...core.config import CollectorUrl, Config, Count, Flag, Image, Number, Seconds, Size, patterned
from ..engine import AbsolutePath, Engine

Adapter = Annotated[
    str,
    patterned(
        r"^([\w.-]+/[\w.-]+|[\w./-]+=/[\w./-]+)(@[\w./-]+)?$",
        "a Hub repository such as org/adapter, org/adapter@revision, or name=/data/path of one that is there already",
    ),
]
"""A LoRA adapter, as server/text_generation_server/utils/adapter.py parses it, without what would be re-split."""
Quantization = Literal[
    "awq", "compressed-tensors", "eetq", "exl2", "gptq", "marlin", "bitsandbytes-nf4", "bitsandbytes-fp4", "fp8"
]
"""The launcher's methods but `bitsandbytes`, which it calls deprecated in favour of eetq."""


class TgiModelFlags(Config):
    """How TGI loads the model."""

    num_shard: Count | None = None
    """GPUs the model is split over. Omitted: as many as the model server has. Always passed, because TGI before
    3.3.7 counts all visible GPUs as one (huggingface/text-generation-inference#3346)."""
    quantize: Quantization | None = None
    """Quantization. awq, gptq, marlin, exl2 and compressed-tensors need weights quantized beforehand, and are found in
    the model's config.json without this field; eetq, fp8 and bitsandbytes quantize while loading. Omitted: what the
    model's config.json says."""
    dtype: Literal["float16", "bfloat16"] | None = None
    """Data type of the weights; with quantize only for bitsandbytes. Omitted: the model's own; float16 for awq, gptq,
    marlin and exl2."""
    kv_cache_dtype: Literal["fp8_e4m3fn", "fp8_e5m2"] | None = None
    """Data type of the KV cache, one byte a number; with flashinfer or paged attention only. Omitted: the model's."""
    trust_remote_code: Flag = False
    """Run code from the model's repository. Omitted: refused, because that code is not ours."""
    rope_scaling: Literal["linear", "dynamic"] | None = None
    """How positions beyond the model's context are reached, for models with rotary embeddings. Omitted: as its
    config.json says, or linear where rope_factor is set."""
    rope_factor: Annotated[Number, Field(gt=1)] | None = None
    """By how much the context is stretched, more than 1. Omitted: not at all."""
    speculate: Count | None = None
    """Tokens guessed ahead in each step: by the model's medusa or MLP heads where it has some (at most as many), by
    n-grams of the prompt otherwise. Turns chunks of prompts off. Omitted: as many as there are heads; without heads
    none."""
    lora_adapters: tuple[Adapter, ...] = ()
    """LoRA adapters loaded at start, which a request names as its `adapter_id` or `model`. They turn prefix caching
    off. Omitted: none."""
    tokenizer_config_path: AbsolutePath | None = None
    """A tokenizer_config.json inside the container, such as /data/chat.json, for a chat template other than the
    model's. Omitted: the model's own."""
    disable_custom_kernels: Flag = False
    """Do without TGI's own kernels for BLOOM and GPT-NeoX, which were tested on A100 only. Omitted: use them."""
    cuda_graphs: tuple[Count, ...] | None = None
    """Batch sizes with a CUDA graph each; each takes GPU memory. `[]` is none. Omitted: 1, 2, 4, 8, 16 and 32; none
    for exl2."""
    cuda_memory_fraction: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Share of GPU memory TGI may use. Omitted: 1.0."""
    tgi_wiggle_room: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """Share of that memory which the KV cache may fill, below 1; the rest is for peaks. Omitted: 0.9."""
    attention: Literal["flashinfer", "flashdecoding", "paged"] | None = None
    """Attention kernels. Omitted: flashinfer, or flashdecoding for models whose head size is not 64, 128 or 256."""
    prefix_caching: Flag | None = None
    """Whether requests that begin alike share KV cache. Omitted: on; off for models that see images, for encoder-
    decoder models, with LoRA adapters and with paged attention."""
    prefill_chunking: Flag | None = None
    """Whether long prompts are worked on in parts between steps of decoding. Omitted: on; off with paged attention and
    with speculation."""


class TgiBatchFlags(Config):
    """What TGI takes on at a time."""

    max_concurrent_requests: Count | None = None
    """Requests in flight, waiting ones included; one more is answered 429. Omitted: 128."""
    max_input_tokens: Count | None = None
    """Longest prompt in tokens. Omitted: one less than max_total_tokens."""
    max_total_tokens: Count | None = None
    """Longest prompt plus answer in tokens. Omitted: what fits the GPU, at most the model's context."""
    max_batch_prefill_tokens: Count | None = None
    """Prompt tokens of one prefill. Omitted: TGI computes it from the GPU."""
    max_batch_total_tokens: Count | None = None
    """Tokens of all requests in a batch together. Omitted: as many as free GPU memory holds."""
    max_waiting_tokens: Size | None = None
    """Decode steps after which waiting requests are forced in. Omitted: 20."""
    waiting_served_ratio: Annotated[Number, Field(gt=0)] | None = None
    """Share of waiting to running requests from which a batch is paused to let them in. Omitted: 0.3."""
    max_batch_size: Count | None = None
    """Requests in one batch. Omitted: as many as max_batch_total_tokens holds."""


class TgiServerFlags(Config):
    """What TGI lets clients ask for, and how it reports."""

    validation_workers: Count | None = None
    """Threads that tokenize requests. Omitted: 2."""
    max_best_of: Count | None = None
    """Most answers of which a client may want the best. Omitted: 2."""
    max_stop_sequences: Size | None = None
    """Most stop sequences of a request. Omitted: 4."""
    max_top_n_tokens: Size | None = None
    """Most alternatives to each token that a client may ask for. Omitted: 5."""
    max_client_batch_size: Count | None = None
    """Most prompts in one request. Omitted: 4."""
    payload_limit: Count | None = None
    """Longest request body in bytes. Images are in it as base64, a third longer than their files. Omitted: 2000000."""
    max_image_fetch_size: Count | None = None
    """Largest image in bytes that TGI fetches from a URL in a request; since 3.3.7. Omitted: 1073741824."""
    disable_grammar_support: Flag = False
    """Refuse grammars, of which each new one is compiled on the CPU. Omitted: clients may use them."""
    enable_prefill_logprobs: Flag = False
    """Let clients ask for log probabilities of their prompt, which take much GPU memory. Omitted: they may not."""
    watermark_gamma: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """Share of the vocabulary that a watermarked answer prefers. Omitted: 0.5."""
    watermark_delta: Annotated[Number, Field(gt=0)] | None = None
    """How much it prefers that share. Omitted: 2.0."""
    cors_allow_origin: tuple[
        Annotated[str, patterned(r"^(\*|https?://[\w.:-]+)$", "`*` or an origin such as https://a.io")], ...
    ] = ()
    """Origins browsers may call from; `*` alone allows all. Omitted: none."""
    otlp_endpoint: CollectorUrl | None = None
    """Trace collector, OTLP over gRPC, such as http://jaeger.tracing:4317. Omitted: no traces."""
    otlp_service_name: Annotated[str, patterned(r"^[\w.-]+$", "letters, digits, dots and dashes")] | None = None
    """Name in traces. Omitted: text-generation-inference.router."""
    json_output: Flag = False
    """Write logs as JSON, a line each. Omitted: as text."""
    log_level: Literal["error", "warn", "info", "debug", "trace"] | None = None
    """How much is logged; debug writes prompts too. Omitted: info."""
    graceful_termination_timeout: Annotated[Seconds, Field(ge=1, le=3600)] = 90
    """Seconds to finish open requests after SIGTERM. Omitted: 90, TGI's default."""


class TgiFlags(TgiModelFlags, TgiBatchFlags, TgiServerFlags, Engine):
    """Every setting of TGI: the flags of its launcher, and which image they are for."""

    platform: ClassVar[Literal["cuda", "rocm"]] = "cuda"
    """Whose GPUs the image is built for."""

    kind: Literal["tgi"] = "tgi"
    """The engine's name."""
    version: Annotated[str, patterned(r"^\w[\w.-]{0,127}$", "an image tag such as 3.3.6")] = "3.3.6"
    """Image tag. Omitted: 3.3.6, the newest release whose image was seen to be pulled. Mind that a tag can move;
    the digest is added where one is known."""
    image: Image | None = None
    """Another image with TGI in it, such as a mirror in Artifact Registry. Omitted: the official one at `version`."""
    extra_args: tuple[str, ...] = ()
    """Arguments handed to the launcher as they are, for an image of yours with flags that no field here is for. None
    that a field sets, and no credential. Omitted: none."""

    @property
    def tag(self) -> str:
        """The image's tag: each release has one more for AMD GPUs."""
        return f"{self.version}-rocm" if self.platform == "rocm" else self.version
