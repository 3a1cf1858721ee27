"""What `pulumi preview --json` printed: the state Pulumi knows against what the program wants now.

The format is pulumi/pulumi pkg/display/json.go, `PreviewDigest`. Resources that stay as they are, are mostly left out.
Secrets are `[secret]` there, and stay that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.core.plan import TYPE_PREFIX
from components.core.providers import is_object

from ..plan.environments import UsageError
from .changes.classify import Ruling
from .changes.pair import Pair
from .changes.report import Effect
from .snapshots.identity import bare_resource
from .snapshots.snapshot import Resource, Snapshot

MAX_BYTES = 256_000_000
"""A thousand models with all their state take a tenth of it."""
_AGAIN = "make it again with `pulumi preview --json > FILE`"
_BEFORE = {"same", "update", "delete", "replace", "create-replacement", "discard"}
_AFTER = {"same", "update", "create", "replace", "create-replacement", "import", "import-replacement"}
_REPLACED = {"replace", "create-replacement"}
_SOURCE = "pulumi preview"
_NO_RESOURCE = ("pulumi:", TYPE_PREFIX)
_BRIDGE = "__defaults"
"""What providers that are made of Terraform's add to inputs, for themselves."""


@dataclass(frozen=True, slots=True)
class ProviderStep:
    """What the provider does to a resource.

    Attributes:
        replaces: whether it makes it anew; otherwise it updates it in place.
        because: paths that make it do so.
        paths: paths of everything that differs.
    """

    replaces: bool
    because: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview.

    Attributes:
        environment: the stack.
        base: what Pulumi's state has, of the resources that the file tells of.
        head: what the program wants, of these.
        steps: what the provider does to a resource that is there and stays, by the resource's key.
        notes: what a reader must know of it.
    """

    environment: str
    base: Snapshot
    head: Snapshot
    steps: Mapping[str, ProviderStep]
    notes: tuple[str, ...] = ()


def read_preview(path: Path) -> Preview:
    """Read the file.

    Raises:
        UsageError: when it is not what `pulumi preview --json` prints.
        OSError: when it cannot be read.
    """
    digest = _digest(path)
    before: list[Resource] = []
    after: list[Resource] = []
    steps: dict[str, ProviderStep] = {}
    stacks: dict[str, None] = {}
    for number, step in enumerate(digest["steps"]):
        operation, urn = step.get("op"), step.get("urn")
        if not isinstance(operation, str) or not isinstance(urn, str) or urn.count("::") < 3:  # noqa: PLR2004
            raise UsageError(f"{path}: step {number + 1} has no op or no urn; {_AGAIN}")
        stacks[urn.split("::")[0].removeprefix("urn:pulumi:")] = None
        token = urn.split("::")[2].rpartition("$")[2]
        if token.startswith(_NO_RESOURCE):
            continue
        for wanted, state, found in ((_BEFORE, "oldState", before), (_AFTER, "newState", after)):
            if operation in wanted and isinstance(step.get(state), Mapping):
                found.append(_resource(token, step[state]))
        if operation in (*_REPLACED, "update") and after:
            detailed = step.get("detailedDiff")
            paths = tuple(detailed) if isinstance(detailed, Mapping) else ()
            steps[after[-1].key] = ProviderStep(operation in _REPLACED, _reasons(step), paths)
    if len(stacks) != 1:
        listed = ", ".join(stacks) or "none"
        raise UsageError(f"{path}: tells of {len(stacks)} stacks ({listed}), and one is needed; {_AGAIN}")
    name = next(iter(stacks))
    return Preview(
        environment=name,
        base=Snapshot(name, tuple(before)),
        head=Snapshot(name, tuple(after)),
        steps=steps,
        notes=tuple(_notes(digest)),
    )


def completed(preview: Preview, planned: Snapshot) -> Preview:
    """The same with everything the program plans: what the file does not tell of stays as it is.

    Args:
        preview: what was read.
        planned: the environment as the files plan it.
    """
    told = {one.key: one for one in (*preview.base.resources, *preview.head.resources)}
    wanted = {one.key: one for one in preview.head.resources}
    known = {one.key: one for one in planned.resources}

    def named(one: Resource) -> Resource:
        found = known.get(one.key)
        return replace(one, at=found.at, role=found.role, component=found.component) if found else one

    same = [one for one in planned.resources if one.key not in told]
    head = [
        named(wanted[one.key]) if one.key in wanted else one
        for one in planned.resources
        if one.key not in told or one.key in wanted
    ]
    head += [one for one in preview.head.resources if one.key not in known]
    return replace(
        preview,
        base=replace(
            preview.base, resources=(*map(named, preview.base.resources), *same), nodes=planned.nodes, file=planned.file
        ),
        head=replace(planned, resources=tuple(head), findings=None, waived=None, rules_held=None, cost=None),
    )


def overruled(pairs: Sequence[Pair], preview: Preview) -> list[Pair]:
    """What differs, with what the provider says it does instead of what our table of rules does.

    A change that cannot be seen in the file, such as a secret's, is added.
    """
    told = [_overruled(pair, preview.steps.get(pair.resource.key)) for pair in pairs]
    seen = {pair.resource.key for pair in pairs}
    before = {one.key: one for one in preview.base.resources}
    after = {one.key: one for one in preview.head.resources}
    for key, step in preview.steps.items():
        if key in seen or key not in before or key not in after:
            continue
        paths = ", ".join(step.because or step.paths) or "what Pulumi does not tell"
        if step.replaces:
            ruling = Ruling("replace", "replaced", f"the provider makes it anew because of {paths}", _SOURCE)
        else:
            ruling = Ruling("update", "harmless", f"the provider updates {paths}, whose values are not shown", _SOURCE)
        told.append(Pair(before[key], after[key], (), ruling))
    return told


def _overruled(pair: Pair, step: ProviderStep | None) -> Pair:
    if step is None or pair.before is None or pair.after is None or pair.ruling.action == "rename":
        return pair
    if step.replaces and pair.ruling.action != "replace":
        because = ", ".join(step.because) or "what it does not tell"
        return replace(
            pair, ruling=Ruling("replace", "replaced", f"the provider makes it anew because of {because}", _SOURCE)
        )
    if not step.replaces and pair.ruling.action == "replace":
        effect: Effect = "restarted" if any("template" in path for path in step.paths) else "harmless"
        return replace(pair, ruling=Ruling("update", effect, "the provider updates it in place", _SOURCE))
    return pair


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path} is larger than {MAX_BYTES:,} bytes; is it the right file?")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text; {_AGAIN}") from None
    if not text:
        raise UsageError(
            f"{path} is empty: the preview failed before it printed anything; run it without --json to see"
        )
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(_no_json(path, text, error)) from None
    except RecursionError:
        raise UsageError(f"{path} is nested deeper than any preview; is it the right file?") from None
    if _is_event(data):
        raise UsageError(_events(path))
    if not isinstance(data, dict) or not _are_steps(data.get("steps", [] if "changeSummary" in data else None)):
        raise UsageError(f"{path} is JSON, but not what `pulumi preview --json` prints: it has no steps; {_AGAIN}")
    return {"steps": [], **data}


def _no_json(path: Path, text: str, error: json.JSONDecodeError) -> str:
    if text[0] not in "{[":
        start = "standard error goes elsewhere" if "\n{" in text else "is --json missing?"
        return f"{path}:1  is no JSON; {start}: pulumi preview --json > FILE"
    first = text.partition("\n")[0]
    if first.startswith('{"') and "sequence" in first:
        return _events(path)
    if not text[error.pos :].strip() or "Unterminated" in error.msg or error.pos >= len(text) - 1:
        return f"{path}:{error.lineno}  ends in the middle of the JSON: it was cut off; {_AGAIN}"
    return f"{path}:{error.lineno}  is no JSON: {error.msg}; {_AGAIN}"


def _events(path: Path) -> str:
    return f"{path} holds a stream of events; unset PULUMI_ENABLE_STREAMING_JSON_PREVIEW and {_AGAIN}"


def _is_event(data: Any) -> bool:
    return isinstance(data, dict) and "sequence" in data and "steps" not in data


def _are_steps(steps: Any) -> bool:
    return isinstance(steps, list) and all(isinstance(step, dict) for step in steps)


def _resource(token: str, state: Mapping[str, Any]) -> Resource:
    inputs = state.get("inputs")
    properties = _plain(inputs) if isinstance(inputs, Mapping) else {}
    named = properties.get("metadata") if is_object(token) else properties
    named = named if isinstance(named, Mapping) else properties
    urn_name = str(state.get("urn", "")).rpartition("::")[2]
    namespace = str(named.get("namespace", "")) if named is not properties else ""
    name = str(named.get("name", urn_name))
    component = _component(state.get("parent"))
    return replace(
        bare_resource(token, namespace, name, properties),
        component=component,
        role=urn_name.removeprefix(f"{component.rpartition('/')[2]}-") if component else "",
        protect=state.get("protect") is True,
    )


def _component(parent: Any) -> str:
    """`ModelServer/llama`, from the parent's URN; empty where the parent is none of our components."""
    if not isinstance(parent, str) or parent.count("::") < 3:  # noqa: PLR2004 - stack, project, type, name
        return ""
    token = parent.split("::")[2].rpartition("$")[2]
    return f"{token.removeprefix(TYPE_PREFIX)}/{parent.rpartition('::')[2]}" if token.startswith(TYPE_PREFIX) else ""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if key != _BRIDGE}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    # Whole numbers come back from the engine as floats.
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _reasons(step: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths that make the provider replace it."""
    reasons = step.get("replaceReasons")
    if isinstance(reasons, list) and reasons:
        return tuple(map(str, reasons))
    detailed = step.get("detailedDiff")
    entries = detailed.items() if isinstance(detailed, Mapping) else ()
    return tuple(
        path for path, entry in entries if isinstance(entry, Mapping) and str(entry.get("kind")).endswith("-replace")
    )


def _notes(digest: Mapping[str, Any]) -> Iterator[str]:
    if digest.get("maybeCorrupt"):
        yield "Pulumi says that this preview may be incomplete"
    for entry in digest.get("diagnostics") or ():
        if isinstance(entry, Mapping) and entry.get("severity") in ("error", "info#err"):
            lines = str(entry.get("message", "")).strip().splitlines()
            if lines:
                yield f"the preview failed: {lines[0]}"
