"""A report without secrets: plans have placeholders; rendered folders, live clusters and previews hold the real ones.

A diff shows fields through a `Cleaner`, so that no sentence is made of a secret, and what was taken out of a field is
taken out of every text besides. What writes a report asks again, since a report can come from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import zip_longest
from typing import Any

from components.core.secrets import SECRET, hands_over_secret, looks_secret, names_secret_anywhere

from ..changes.compare import Difference
from ..changes.report import ABSENT, Change, EnvironmentDiff, FieldChange, Report
from ..snapshots.snapshot import Resource

_PLACEHOLDER = re.compile(r"\$\{[\w.:-]+\}|\$\([\w.-]+\)|\[secret\]")
"""What only refers to a value: of a plan's (`SecretRef`, `Late`), of Kubernetes' variables, or of this module's."""
_PULUMI_SECRET = "4dabf18193072939515e22adb298388d"
"""What marks a secret in Pulumi's data (pulumi/pulumi sdk/go/common/resource/sig/sig.go, Key)."""
_COPY = "kubectl.kubernetes.io/last-applied-configuration"
"""A whole object as text, which `kubectl apply` leaves on it: a Secret's values too."""
_ENCRYPTED = "secure"
"""The key of an encrypted value in a stack file."""
_VALUE_STEPS = frozenset({"value", "values", "default"})
_WORD = re.compile(r"[a-z-]{1,15}|\S{1,5}")
"""What is not looked for in texts: somebody's user name may be `production`, which is a namespace too."""


def redacted(report: Report) -> Report:
    """The same report with `[secret]` in place of every secret that can be told as one."""
    return replace(
        report,
        base=_prose(report.base),
        head=_prose(report.head),
        environments=tuple(_environment(environment) for environment in report.environments),
        notes=tuple(_prose(note) for note in report.notes),
    )


@dataclass(slots=True)
class Cleaner:
    """Takes secrets out of values, and remembers them for the texts."""

    found: set[str] = field(default_factory=set)

    def shown(self, resource: Resource, one: Difference) -> FieldChange:
        """A difference as a report shows it."""
        return self._field(FieldChange(one.path, one.before, one.after), secret=resource.kind == "Secret")

    def change(self, change: Change) -> Change:
        """A change without secrets in its fields."""
        whole = change.resource.partition(" ")[0] == "Secret"
        return replace(change, fields=tuple(self._field(one, secret=whole) for one in change.fields))

    def _field(self, one: FieldChange, *, secret: bool) -> FieldChange:
        steps = _steps(one.path)
        inside = (secret and steps[:1] in (["data"], ["stringData"])) or _COPY in one.path or _ENCRYPTED in steps
        name = _name(one.path)
        before, after = (
            self._manifest(value) if secret and not steps else self.value(value, name, secret=inside)
            for value in (one.before, one.after)
        )
        return FieldChange(_prose(one.path), before, after)

    def _manifest(self, value: Any) -> Any:
        """A whole Secret."""
        if not isinstance(value, Mapping):
            return self.value(value, "", secret=True)
        return {key: self.value(inner, str(key), secret=key in ("data", "stringData")) for key, inner in value.items()}

    def value(self, value: Any, name: str, *, secret: bool = False) -> Any:
        """A value without secrets; `name` is what it is called where it stands."""
        if value is ABSENT or value is None or isinstance(value, bool):
            return value
        if isinstance(value, Mapping):
            return self._mapping(value, secret=secret)
        if isinstance(value, list | tuple):
            return self._list(value, name, secret=secret)
        if secret or names_secret_anywhere(name) or (isinstance(value, str) and looks_secret(value)):
            return self._hidden(value)
        return value

    def _mapping(self, value: Mapping[Any, Any], *, secret: bool) -> Any:
        if _PULUMI_SECRET in value:
            self._remember(value)
            return SECRET
        called = value.get("name")
        return {
            _prose(str(key)): self.value(
                inner,
                called if key == "value" and isinstance(called, str) else str(key),
                secret=secret or key in (_ENCRYPTED, _COPY),
            )
            for key, inner in value.items()
        }

    def _list(self, value: list[Any] | tuple[Any, ...], name: str, *, secret: bool) -> list[Any]:
        cleaned: list[Any] = []
        handed = False
        for item, following in zip_longest(value, value[1:]):
            if handed and isinstance(item, str):
                cleaned.append(self._hidden(item))
                handed = False
                continue
            handed = False
            if isinstance(item, str) and not secret:
                flag, equals, given = item.partition("=")
                if given and hands_over_secret(item, ""):
                    cleaned.append(f"{flag}{equals}{self._hidden(given)}")
                    continue
                handed = not equals and hands_over_secret(item, following if isinstance(following, str) else "")
            cleaned.append(self.value(item, name, secret=secret))
        return cleaned

    def _hidden(self, value: Any) -> Any:
        """`[secret]`, unless the value is nothing, a reference to a variable or a placeholder already."""
        text = str(value)
        if not text or _PLACEHOLDER.fullmatch(text):
            return value
        self.found.add(text)
        return SECRET

    def _remember(self, value: Any) -> None:
        for text in _leaves(value):
            self._hidden(text)

    def prose(self, value: Any) -> Any:
        """Any data of a report without the secrets that were found, and without what looks like one."""
        told = sorted((text for text in self.found if not _WORD.fullmatch(text)), key=len, reverse=True)
        return _told(value, re.compile("|".join(map(re.escape, told))) if told else None)


def _environment(environment: EnvironmentDiff) -> EnvironmentDiff:
    cleaner = Cleaner()
    changes = [cleaner.change(change) for change in environment.changes]
    return told_without(replace(environment, changes=tuple(changes)), cleaner)


def told_without(environment: EnvironmentDiff, cleaner: Cleaner) -> EnvironmentDiff:
    """The same without what a cleaner took out of its fields, in any text.

    Args:
        environment: one whose fields are clean.
        cleaner: what cleaned them.
    """
    told: dict[str, Any] = {
        each.name: cleaner.prose(getattr(environment, each.name))
        for each in fields(environment)
        if each.name not in ("changes", "status", "before", "after", "resources", "rules_held")
    }
    told |= {
        # A picture with a secret in it is none.
        side: picture if cleaner.prose(picture) == picture else ""
        for side, picture in (("before", environment.before), ("after", environment.after))
    }
    cleaned = tuple(
        replace(
            change,
            **{
                name: cleaner.prose(getattr(change, name))
                for name in ("resource", "component", "at", "reason", "source", "means")
            },
        )
        for change in environment.changes
    )
    return replace(environment, changes=cleaned, **told)


def _told(value: Any, found: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        text = found.sub(SECRET, value) if found else value
        return _prose(text)
    if isinstance(value, Mapping):
        return {_told(key, found): _told(inner, found) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(_told(inner, found) for inner in value)
    if isinstance(value, list):
        return [_told(inner, found) for inner in value]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _told(getattr(value, each.name), found) for each in fields(value)})
    return value


def _prose(text: str) -> str:
    """A text with `[secret]` for each word that has the form of a credential."""
    if not looks_secret(text):
        return text
    text = re.sub(r"\S+", lambda word: SECRET if looks_secret(word[0]) else word[0], text)
    return SECRET if looks_secret(text) else text


def _steps(path: str) -> list[str]:
    return [step for step in re.split(r"[.\[\]]+", path) if step]


def _name(path: str) -> str:
    """What a field is called: the last step that is a name, of an entry `env[HF_TOKEN].value` the entry's."""
    steps = [step for step in _steps(path) if not step.isdigit()]
    if len(steps) > 1 and steps[-1] in _VALUE_STEPS:
        return steps[-2]
    # The whole of `env[HF_TOKEN]`, or a key with dots in it.
    return steps[-1] if steps else ""


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str):
        yield value
