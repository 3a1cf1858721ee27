"""Memory fit: models that do not fit the GPUs of a pool they may land on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..catalog.gpu_memory import GpuMemory, gpu_memory
from ..catalog.models import Model, find_model, meant_model
from ..core.demand import Demand
from ..core.plan import GPU, NodeShape
from ..core.quantity import GIB
from ..core.words import listed
from ..fit.fit import MEMORY, Fit, NoFitError, fit, shards_that_work
from ..fit.remedies import remedies
from ..gpu.node_pool import ACCELERATOR_LABEL
from ..reading.index import Index
from ..reading.scheduler import selected_values
from ..reading.workload import Workload
from .rule import Fault, rule

_PARTITION_LABEL = "cloud.google.com/gke-gpu-partition-size"
_CLIENTS_LABEL = "cloud.google.com/gke-max-shared-clients-per-gpu"
_MACHINE_LABEL = "node.kubernetes.io/instance-type"


@dataclass(frozen=True, slots=True)
class Judged:
    """One Deployment on one kind of GPU it may land on.

    Attributes:
        pod: its workload.
        demand: what its engine asks for.
        pools: the pools with such GPUs; empty where the pod names the GPU and no pool is known.
        gpu: the GPU, or the share of one that a container gets; `None` when nothing is known of its memory.
        made: whether it fits; `None` when that cannot be said.
        unknown: why it cannot be said.
        machine: machine type of the first pool.
        provisioning: how the first pool is bought.
    """

    pod: Workload
    demand: Demand
    pools: tuple[str, ...]
    gpu: GpuMemory | None
    made: Fit | None
    unknown: str = ""
    machine: str = ""
    provisioning: str = "on-demand"

    @property
    def where(self) -> str:
        """The GPU and its pools in words."""
        name = (self.gpu.accelerator or self.gpu.name) if self.gpu else "its GPUs"
        return f"{name} (pool {listed(self.pools)})" if self.pools else name


def judged(index: Index) -> tuple[Judged, ...]:
    """Every model of the plan on every kind of GPU it may land on; worked out once."""
    return index.once("memory", _judge_all)


@rule("memory-does-not-fit", "memory fit", "error")
def memory_does_not_fit(index: Index) -> Iterator[Fault]:
    """A model whose weights, KV cache and overhead are more than the GPUs of a pool have.

    The engine would stop at start, out of memory or with no room for its cache, on every pod that lands there. Counted
    as the engine itself does, from the model's shape, the quantization, the shards and the token budget, against the
    memory that CUDA reports, which is less than the data sheet's. docs/memory-fit.md has the formulas, their sources,
    and how they do against observed fits and failures. Every pool that the pod may land on must hold it; of a shared
    GPU counts the share, of a MIG slice its own memory.

    Fix: one of the remedies, each of which was found to fit.
    """
    for one in judged(index):
        made = one.made
        if made is None or made.verdict != "does not fit" or made.misfit or made.unsupported:
            continue
        yield Fault(
            one.pod.at("runs_on") if one.pools else one.pod.at("model"),
            f"{one.pod.subject}: {made.model.name} needs {_gib(made.taken)} GiB on each GPU, {one.where} gives "
            f"{_gib(made.budget.share)} ({_parts(made)}): {made.reasons[0]}",
            tuple(_advice(index, one, made)),
        )


@rule("memory-marginal", "memory fit", "warning")
def memory_marginal(index: Index) -> Iterator[Fault]:
    """A model that fits on paper, with less to spare than the count is sure of.

    Weights differ from their file by up to 2 %, engines take memory that their own budget leaves out (the CUDA context,
    graphs before vLLM 0.21), TGI's authors keep a tenth free for what comes up under load, and some versions are known
    to run out of memory where newer ones do not. It may start, and fail later.

    Fix: leave some room: fewer tokens, a share of the GPU below 1, quantization, or more GPUs.
    """
    for one in judged(index):
        made = one.made
        if made is not None and made.verdict == "marginal":
            yield Fault(
                one.pod.at("engine"),
                f"{one.pod.subject}: {made.model.name} fits {one.where} only just ({_parts(made)}): {made.reasons[0]}",
                ("leave more room: fewer tokens, quantization, or more GPUs",),
            )


@rule("unknown-model", "memory fit", "warning")
def unknown_model(index: Index) -> Iterator[Fault]:
    """A model whose memory cannot be counted, because its shape is not known.

    It is not in the catalog (`infra models` lists what is), nor does the stack give its `architecture`; or its longest
    request, its GPU or its engine is not known. Whether it fits its GPUs is not proved.

    Fix: give its `architecture` as its config.json on the Hub has it: num_hidden_layers, hidden_size,
    intermediate_size, num_attention_heads, num_key_value_heads, vocab_size.
    """
    told = set()
    for one in judged(index):
        if one.unknown and (one.pod.at(), one.unknown) not in told:
            told.add((one.pod.at(), one.unknown))
            yield Fault(
                one.pod.at("architecture"),
                f"{one.pod.subject}: {one.unknown}; whether it fits its GPUs is not proved",
                tuple(_introductions(one)),
            )


@rule("impossible-shards", "memory fit", "error")
def impossible_shards(index: Index) -> Iterator[Fault]:
    """A model that cannot be split over so many GPUs.

    Engines split attention by heads, so their number must be a multiple of the shards; heads of keys and values must
    be one, too, or be repeated evenly, which TGI cannot. The engine stops at start. Source: vllm config/model.py
    verify_with_parallel_config; huggingface/text-generation-inference flash_llama_modeling.py.

    Fix: use one of the shard counts that the message names.
    """
    told = set()
    for one in judged(index):
        made = one.made
        if made is None or not made.misfit or one.pod.at() in told:
            continue
        told.add(one.pod.at())
        counts = shards_that_work(made.model, made.demand)
        yield Fault(
            one.pod.at("gpus"),
            f"{one.pod.subject}: {made.model.name}: {made.misfit}; it can be split over "
            f"{', '.join(str(count) for count in counts)}",
            tuple(f"gpus: {count}" for count in counts if count <= 8),  # noqa: PLR2004 - most GPUs of most machines
        )


@rule("quantization-unsupported", "memory fit", "error")
def quantization_unsupported(index: Index) -> Iterator[Fault]:
    """Weights in a format or data type that a pool's GPUs cannot compute in, or that the engine does not have.

    Kernels for a format need a CUDA compute capability: bfloat16 8.0, most formats 7.5 to 8.0, FP4 10.0; the engine
    refuses at start. Sources: get_min_capability in vllm and sglang, the launcher and layers of TGI; one row each in
    quantization.tsv in the engine's folder.

    Fix: another quantization or data type, or a pool with newer GPUs.
    """
    for one in judged(index):
        made = one.made
        if made is not None and made.unsupported and not made.misfit:
            yield Fault(
                one.pod.at("engine"),
                f"{one.pod.subject} on {one.where}: {made.unsupported}",
                tuple(str(remedy) for remedy in remedies(made, machine=one.machine, provisioning=one.provisioning)),
            )


RULES = (memory_does_not_fit, memory_marginal, unknown_model, impossible_shards, quantization_unsupported)
"""In the order they are told."""


def _judge_all(index: Index) -> tuple[Judged, ...]:
    # Without demands nobody needs the scheduler's verdicts.
    # The leader and the workers of a group are one item, and hold shares of one model.
    asking = list({
        (pod.part.key, pod.item.role): pod for pod in index.workloads if pod.facts and pod.facts.demand
    }.values())  # fmt: skip
    fits = {id(verdict.pod): verdict.fits for verdict in index.scheduler.verdicts} if asking else {}
    return tuple(one for pod in asking for one in _judge(pod, fits.get(id(pod))))


def _judge(pod: Workload, nodes_that_fit: tuple[NodeShape, ...] | None) -> Iterator[Judged]:
    demand = pod.facts.demand if pod.facts else None
    if demand is None or GPU not in pod.template.asked:
        return
    model = demand.architecture or find_model(demand.model)
    if model is None:
        yield Judged(
            pod, demand, (), None, None, f"{demand.model} is not in the catalog and the stack gives no architecture"
        )
        return
    for gpu, clients, nodes in _gpus(pod, demand, nodes_that_fit):
        pools = tuple(node.pool for node in nodes)
        machine = nodes[0].labels.get(_MACHINE_LABEL, "") if nodes else ""
        bought = nodes[0].provisioning if nodes else "on-demand"
        if gpu is None:
            yield Judged(pod, demand, pools, None, None, "nothing is known of the memory of its GPUs")
            continue
        yield _fitted(Judged(pod, _share(demand, clients), pools, gpu, None, "", machine, bought), model)


def _share(demand: Demand, clients: int) -> Demand:
    """What counts of a demand in a plan.

    An engine sees all of a shared GPU and takes its fraction of all of it, which must leave the others theirs. The
    most tokens of a cache are a limit where the engine makes do with less room, as SGLang does (srt/model_executor).
    """
    fraction = min(demand.memory_fraction or 1.0, 1 / clients) if clients > 1 else demand.memory_fraction
    memory = MEMORY.get(demand.engine)
    cache = None if memory and memory.shrinks_cache else demand.cache_tokens
    return replace(demand, memory_fraction=fraction, cache_tokens=cache)


def _fitted(one: Judged, model: Model) -> Judged:
    assert one.gpu is not None  # noqa: S101 - the caller looked
    try:
        return replace(one, made=fit(model, one.demand, one.gpu))
    except NoFitError as error:
        return replace(one, unknown=str(error))


def _gpus(
    pod: Workload, demand: Demand, fits: tuple[NodeShape, ...] | None
) -> Iterator[tuple[GpuMemory | None, int, tuple[NodeShape, ...]]]:
    """The kinds of GPU a pod may land on, with how many share one, and the pools; by name where none is known."""
    if fits is None:
        for name in sorted(selected_values(pod.template, ACCELERATOR_LABEL)):
            yield gpu_memory(name), 1, ()
        return
    kinds: dict[tuple[str, str, str], list[NodeShape]] = {}
    for node in fits:
        # Several shares of one GPU are refused by shared-gpu-request.
        whole = demand.gpus == 1 or _CLIENTS_LABEL not in node.labels
        if node.accelerator and whole:
            key = (node.accelerator, node.labels.get(_PARTITION_LABEL, ""), node.labels.get(_CLIENTS_LABEL, "1"))
            kinds.setdefault(key, []).append(node)
    for (accelerator, partition, clients), nodes in kinds.items():
        gpu = gpu_memory(accelerator, partition)
        yield gpu, int(clients), tuple(nodes)


def _advice(index: Index, one: Judged, made: Fit) -> Iterator[str]:
    """The stack's own pools that hold it, then what else fits."""
    able = []
    for node in index.plan.nodes:
        gpu = gpu_memory(node.accelerator, node.labels.get(_PARTITION_LABEL, "")) if node.accelerator else None
        enough = node.allocatable.get(GPU, 0) >= made.demand.gpus
        shared = _CLIENTS_LABEL in node.labels
        if gpu and enough and not shared and fit(made.model, made.demand, gpu).verdict == "fits":
            able.append(node.pool)
    if able:
        yield f"runs_on: [{able[0]}]" if len(able) == 1 else f"runs_on: one of {listed(able)}"
    for remedy in remedies(made, machine=one.machine, provisioning=one.provisioning):
        yield str(remedy)


def _introductions(one: Judged) -> Iterator[str]:
    if meant := meant_model(one.demand.model) if find_model(one.demand.model) is None else None:
        yield f"model: {meant}, if that is what is meant"
    yield "architecture: as its config.json has it"


def _parts(made: Fit) -> str:
    budget = made.budget
    stored = made.demand.quantization or made.model.stored or made.demand.dtype or made.model.dtype or "16 bits"
    words = [
        f"weights {_gib(budget.weights)}: {made.model.parameters / 1e9:.2f} B parameters in {stored}",
        f"KV cache {_gib(made.needed)}: {made.cache_tokens:,} tokens",
        f"activations {_gib(budget.activations)}",
        f"overhead and graphs {_gib(budget.overhead + budget.graphs)}",
    ]
    return ", ".join(words)


def _gib(amount: float) -> str:
    return f"{amount / GIB:.1f}"
