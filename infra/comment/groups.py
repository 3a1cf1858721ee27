"""Changes that say the same of many components, told once: "1,000 models restart: image 3.3.6 → 3.3.7"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..diff.changes.report import EFFECTS, Change, Effect, EnvironmentDiff, Headline
from ..terminal.words import joined

_OWN = "\0"
"""A component's own name in a text that others may share; no name has this character."""
_OLD = "\1"
"""The name that a component had before it was renamed; no name has this character either."""
_RENAMED = re.compile(r"`([^`]+)` is renamed: it becomes [a-z ]*`[^`]+`")
_NAMED = 3
_VERBS = {"is": "are", "has": "have", "was": "were", "does": "do", "goes": "go", "loses": "lose"}


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One row of the table: what happens to one component, or the same to many.

    Attributes:
        effect: what it does to users.
        what: what happens.
        means: what users notice.
        components: how many it happens to.
        line: where it stands, when it is one.
    """

    effect: Effect
    what: str
    means: str
    components: int
    line: int | None


@dataclass(frozen=True, slots=True)
class Block:
    """The changes of one component, or of many that change alike.

    Attributes:
        components: their names, `ModelServer/llama`.
        effect: the worst of it.
        changes: what changes, of the first of them.
        objects: how many objects change in all.
    """

    components: tuple[str, ...]
    effect: Effect
    changes: tuple[Change, ...]
    objects: int


def rows(environment: EnvironmentDiff) -> list[ChangeRow]:
    """What happens, worst first, the same told once."""
    alike: dict[tuple[str, ...], list[Headline]] = {}
    for headline in environment.headlines:
        kind, _ = _kind_and_name(headline.component)
        # What belongs to no component has no name of its own to be told apart by.
        alike.setdefault((headline.effect, kind, _nameless(headline.what, headline)), []).append(headline)
    found = [_row(headlines) for headlines in alike.values()]
    return sorted(found, key=lambda row: EFFECTS.index(row.effect))


def blocks(environment: EnvironmentDiff) -> list[Block]:
    """The changes by component, worst first, those alike together."""
    by_component: dict[str, list[Change]] = {}
    for change in environment.changes:
        by_component.setdefault(change.component, []).append(change)
    old = {one.component: match[1] for one in environment.headlines if (match := _RENAMED.search(one.what))}
    alike: dict[tuple[str, ...], list[str]] = {}
    for component, changes in by_component.items():
        kind, name = _kind_and_name(component)
        was = old.get(component, "")
        key = (kind, *(_without(_without(_said(change), name), was, _OLD) for change in changes))
        alike.setdefault(key, []).append(component)
    found = [
        Block(
            tuple(components),
            min((change.effect for change in by_component[components[0]]), key=EFFECTS.index),
            tuple(by_component[components[0]]),
            sum(len(by_component[component]) for component in components),
        )
        for components in alike.values()
    ]
    return sorted(found, key=lambda block: EFFECTS.index(block.effect))


def _said(change: Change) -> str:
    fields = ((one.path, one.before, one.after) for one in change.fields)
    return repr((change.resource, change.action, change.effect, change.reason, *fields))


def _kind_and_name(component: str) -> tuple[str, str]:
    kind, _, name = component.partition("/")
    return kind, name


def _nameless(text: str, headline: Headline) -> str:
    """A text of a headline without its component's own name and the one that this had before."""
    renamed = _RENAMED.search(headline.what)
    shown = _without(text, _kind_and_name(headline.component)[1])
    return _without(shown, renamed[1], _OLD) if renamed else shown


def _without(text: str, name: str, mark: str = _OWN) -> str:
    """A text without a component's own name, as a word of its own or the beginning of one: `llama-canary`."""
    if not name or name not in text:
        return text
    # Not by an expression: each name would be one of its own, and compiling thousands takes seconds.
    first, *rest = text.split(name)
    told = first
    for piece in rest:
        inside = told[-1:].isalnum() or told.endswith(("_", "-")) or piece[:1].isalnum() or piece.startswith("_")
        told += (name if inside else mark) + piece
    return told


def _row(headlines: Sequence[Headline]) -> ChangeRow:
    first = headlines[0]
    if len(headlines) == 1:
        return ChangeRow(first.effect, first.what, first.means, 1, first.line)
    return ChangeRow(first.effect, _of_many(headlines), _means_of_many(headlines), len(headlines), None)


def _of_many(headlines: Sequence[Headline]) -> str:
    """`1,000 models restart: image 3.3.6 → 3.3.7 (`m0`, `m1`, `m2` and 997 more)`."""
    first = headlines[0]
    if not first.component:
        return f"{first.what} ({len(headlines):,} of that name)"
    kind, _ = _kind_and_name(first.component)
    pairs = [(_RENAMED.search(one.what), _kind_and_name(one.component)[1]) for one in headlines]
    names = joined([f"`{old[1]}` → `{name}`" if old else f"`{name}`" for old, name in pairs], _NAMED)
    template = _nameless(first.what, first)
    noun = str(first.at[0]).replace("_", " ") if first.at else f"{kind}s"
    begun = re.match(rf"(?:([a-z ]+) )?`[{_OWN}{_OLD}]`(:| \w+)(.*)", template, re.DOTALL)
    if begun and begun[1]:
        noun = f"{begun[1]}s"
    if begun and template.startswith(f"{begun[1] or ''} `{_OLD}` is renamed".lstrip()):
        return f"{len(headlines):,} {noun} are renamed ({names})"
    if begun and _OWN not in begun[3]:
        return f"{len(headlines):,} {noun}{_plural(begun[2])}{begun[3]} ({names})"
    return f"{len(headlines):,} {noun}: {template.replace(_OWN, '…')} ({names})"


def _plural(verb: str) -> str:
    """A verb for many: restarts, restart; is, are. What is none stays."""
    return f" {_VERBS[word]}" if (word := verb.strip()) in _VERBS else verb.removesuffix("s")


def _means_of_many(headlines: Sequence[Headline]) -> str:
    """What users notice of each; where that differs, what most of them do."""
    told = Counter(_nameless(one.means, one) for one in headlines)
    means, count = told.most_common(1)[0]
    renamed = _OLD in _nameless(headlines[0].what, headlines[0])
    means = means.replace(f"`{_OWN}`", "the new name" if renamed else "it").replace(f"`{_OLD}`", "the old name")
    # Within code no sentence goes on: `NAME.production`.
    means = re.sub(r"`[^`]*`", lambda code: code[0].replace(_OWN, "NAME").replace(_OLD, "OLD-NAME"), means)
    means = means.replace(_OWN, "it").replace(_OLD, "it")
    if count == len(headlines):
        return f"each: {means}" if means else ""
    return f"{count:,} of them: {means or 'nothing'}; the others differ, see the details"


def members(block: Block, most: int = 6) -> str:
    """The names of a block's components, some of many."""
    return joined([f"`{name}`" if name else "what belongs to no component" for name in block.components], most)
