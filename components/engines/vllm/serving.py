"""What clients of vLLM see: the flags of its web server, chat, tools, media, logs and traces.

Names and defaults are those of `vllm serve` 0.33.0 (wheel vllm 0.33.0: vllm/entrypoints/common/cli_args.py,
vllm/config/multimodal.py, observability.py, structured_outputs.py).
"""

# Annotations are no text here: pydantic would evaluate each again for every class that inherits it.
from typing import Annotated, Literal

from pydantic import Field

from ...core.config import CollectorUrl, Config, Count, Flag, HostName, Number, Seconds, Size, patterned
from .model import Json

Origin = Annotated[str, patterned(r"^(\*|https?://[\w.:-]+)$", "`*` or an origin such as https://a.io")]
Parser = Annotated[str, patterned(r"^\w[\w.-]{0,99}$", "a parser's name such as hermes or llama3_json")]
UrlPath = Annotated[str, patterned(r"^/[^\s,]*$", "a URL path such as /health")]
Modality = Literal["image", "video", "audio"]


class StructuredOutputsConfig(Config):
    """How answers are held to a schema."""

    backend: Literal["auto", "xgrammar", "guidance", "outlines", "lm-format-enforcer"] | None = None
    """Who holds them. Omitted: auto, by what a request asks for. lm-format-enforcer ends with 0.35."""
    disable_any_whitespace: Flag | None = None
    """Write JSON without spaces; xgrammar and guidance only. Omitted: the model may add spaces."""
    disable_additional_properties: Flag | None = None
    """Refuse properties that the schema does not name; guidance only. Omitted: the schema decides."""
    enable_in_reasoning: Flag | None = None
    """Hold the reasoning to the schema too. Omitted: only the answer."""

    def misfit(self) -> str:
        """What does not fit its backend; empty when all does."""
        backend = self.backend or "auto"
        if self.disable_any_whitespace and backend not in ("auto", "xgrammar", "guidance"):
            return f"disable_any_whitespace works with xgrammar and guidance, not with {backend}; change backend"
        if self.disable_additional_properties and backend != "guidance":
            return f"disable_additional_properties works with guidance, not with {backend}; write backend: guidance"
        return ""


class VllmServingFlags(Config):
    """Flags about requests and answers."""

    chat_template: Annotated[str, Field(min_length=1)] | None = None
    """A chat template in one line, or its path in the image. Omitted: the tokenizer's."""
    chat_template_content_format: Literal["auto", "string", "openai"] | None = None
    """How the template gets a message's content. Omitted: as the template looks to want it."""
    default_chat_template_kwargs: Json | None = None
    """Values for the template that requests may replace, such as `{enable_thinking: false}`. Omitted: none."""
    trust_request_chat_template: Flag = False
    """Let requests bring a template of their own. Omitted: refused."""
    response_role: Annotated[str, patterned(r"^\w+$", "a role such as assistant")] | None = None
    """Role of answers. Omitted: assistant."""
    enable_auto_tool_choice: Flag = False
    """Let the model decide to call a tool; needs tool_call_parser. Omitted: only where a request forces one."""
    tool_call_parser: Parser | None = None
    """How this model writes tool calls, such as hermes, llama3_json or mistral. Omitted: none are found."""
    exclude_tools_when_tool_choice_none: Flag = False
    """Leave tools out of the prompt when a request says tool_choice: none. Omitted: they stay in."""
    reasoning_parser: Parser | None = None
    """How this model writes its reasoning, such as deepseek_r1 or qwen3. Omitted: reasoning is part of the answer."""
    structured_outputs_config: StructuredOutputsConfig | None = None
    """How answers are held to a schema. Omitted: by what a request asks for."""

    allowed_origins: tuple[Origin, ...] = ()
    """Origins browsers may call from; `*` alone allows all. Omitted: none."""
    allowed_methods: tuple[Annotated[str, patterned(r"^(\*|[A-Z]+)$", "a method such as POST")], ...] = ()
    """Methods browsers may use. Omitted: all."""
    allowed_headers: tuple[Annotated[str, patterned(r"^(\*|[\w-]+)$", "a header such as X-Request-Id")], ...] = ()
    """Headers browsers may send. Omitted: all."""
    allow_credentials: Flag = False
    """Let browsers send cookies. Omitted: refused."""
    root_path: UrlPath | None = None
    """Path that a proxy in front cuts off. Omitted: none."""
    api_server_count: Count | None = None
    """Processes that answer HTTP. Omitted: data_parallel_size."""
    renderer_num_workers: Count | None = None
    """Threads that tokenize and prepare media. Omitted: 1."""
    sse_keep_alive_interval: Seconds | None = None
    """Seconds after which a silent stream sends a comment, so that proxies keep it open. Omitted: 0, never."""
    enable_request_id_headers: Flag = False
    """Answer with the request's X-Request-Id. Omitted: without."""
    enable_prompt_tokens_details: Flag = False
    """Tell in `usage` how much of a prompt was cached. Omitted: not told."""
    enable_force_include_usage: Flag = False
    """Tell the usage in every stream. Omitted: where a request asks."""
    enable_server_load_tracking: Flag = False
    """Count requests in work at /load. Omitted: /load answers 0."""
    enable_per_request_metrics: Flag = False
    """Tell each request's times in its answer. Omitted: not told."""
    disable_fastapi_docs: Flag = False
    """Serve no /docs and no OpenAPI schema. Omitted: both are served."""
    enable_sleep_mode: Flag = False
    """Let a client free the GPU's memory and take it back (POST /sleep in development mode). Omitted: it cannot."""

    limit_mm_per_prompt: dict[Modality, Size] = Field(default_factory=dict)
    """Images, videos and sounds a prompt may have; 0 saves the encoder's memory. Omitted: 999 of each."""
    language_model_only: Flag = False
    """Serve the language part of a multimodal model. Omitted: all of it."""
    allowed_media_domains: tuple[HostName, ...] = ()
    """Hosts that media may come from. Omitted: any that the NetworkPolicy lets through."""
    media_io_kwargs: Json | None = None
    """How media are read, such as the frames of a video. Omitted: the model's."""
    mm_processor_kwargs: Json | None = None
    """Settings of the model's processor, such as the pixels of an image. Omitted: the model's."""
    mm_processor_cache_gb: Annotated[Number, Field(ge=0)] | None = None
    """GiB of prepared media kept in main memory, by each API server and each engine. Omitted: 4."""
    mm_processor_cache_type: Literal["lru", "shm"] | None = None
    """Where they are kept: in each process, or in shared memory. Omitted: lru, in each."""
    mm_shm_cache_max_object_size_mb: Size | None = None
    """Most MiB of one of them in shared memory. Omitted: 128."""
    mm_encoder_tp_mode: Literal["weights", "data"] | None = None
    """Split the encoder's weights, or its images, over the GPUs. Omitted: its weights."""
    interleave_mm_strings: Flag = False
    """Keep media where they stand in a message, with content as text. Omitted: in front."""
    skip_mm_profiling: Flag = False
    """Leave the encoder's memory out of the start's measurement. Omitted: it is measured."""

    enable_log_requests: Flag = False
    """Log every request's id and parameters, and its prompt at level DEBUG. Omitted: not logged."""
    enable_log_outputs: Flag = False
    """Log answers too; needs enable_log_requests. Omitted: not logged."""
    max_log_len: Size | None = None
    """Most characters of a prompt in the log. Omitted: all."""
    log_level: Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET"] | None = None
    """Level of the engine's log. Omitted: INFO."""
    uvicorn_log_level: Literal["critical", "error", "warning", "info", "debug", "trace"] | None = None
    """Level of the web server's log. Omitted: info."""
    disable_uvicorn_access_log: Flag = False
    """Log no HTTP requests. Omitted: logged."""
    disable_access_log_for_endpoints: tuple[UrlPath, ...] = ("/health", "/metrics")
    """Paths whose requests are not logged. Omitted: those that probes and Prometheus call every few seconds."""
    disable_log_stats: Flag = False
    """Measure nothing: neither log lines nor metrics. Omitted: measured."""
    otlp_traces_endpoint: CollectorUrl | None = None
    """Trace collector, OTLP over gRPC without TLS, such as http://jaeger.tracing:4317. Omitted: no traces."""
    collect_detailed_traces: tuple[Literal["model", "worker", "all"], ...] = ()
    """Parts whose steps are traced too, at a cost. Omitted: none."""
    show_hidden_metrics_for_version: Annotated[str, patterned(r"^\d+\.\d+$", "a release such as 0.24")] | None = None
    """Emit metrics that were deprecated since that release. Omitted: not."""
    kv_cache_metrics: Flag = False
    """Measure how long blocks of the KV cache live, on a sample. Omitted: not."""
    enable_mfu_metrics: Flag = False
    """Measure the share of the GPU's arithmetic in use. Omitted: not."""
    shutdown_timeout: Annotated[Seconds, Field(le=3600)] = 60
    """Seconds to finish open requests after SIGTERM. Omitted: 60; vLLM's own default, 0, cuts them off."""
