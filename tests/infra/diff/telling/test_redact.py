"""No secret leaves a report, whatever form it is written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.secrets import SECRET
from infra.comment.formats import Options, ReportForm
from infra.diff.changes.report import ABSENT, Change, EnvironmentDiff, FieldChange, Headline, Report
from infra.diff.telling.redact import redacted

from ...comment.strings import REPORTS, WIDE

SECRETS = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=12, max_size=40).map(
    "Zq9".__add__
)
ENV = "spec.template.spec.containers[server].env"


def change(resource: str, *fields: FieldChange) -> Change:
    return Change(resource, "ModelServer/a", ("models", "a"), "update", "restarted", "", "", "", fields)


def report(*changes: Change, **more: Any) -> Report:
    return Report("a", "b", (EnvironmentDiff("prod", "changed", changes=changes, **more),))


def fields_of(found: Report) -> list[FieldChange]:
    return [one for change in found.environments[0].changes for one in change.fields]


FORMS: dict[str, Callable[[str], tuple[str, str, Any]]] = {
    "an entry of a Secret": lambda s: ("Secret production/hf", "data.token", s),
    "an entry whatever its name": lambda s: ("Secret production/hf", "stringData[colour]", s),
    "a Secret's data": lambda s: ("Secret production/hf", "data", {"a": s, "b": {"c": [s]}}),
    "a whole Secret": lambda s: ("Secret production/hf", "", {"kind": "Secret", "stringData": {"a": s}}),
    "a variable": lambda s: ("Deployment production/a", f"{ENV}[HF_TOKEN].value", s),
    "a new variable": lambda s: ("Deployment production/a", f"{ENV}[X]", {"name": "DB_PASSWORD", "value": s}),
    "all variables": lambda s: ("Deployment production/a", ENV, [{"name": "apiKey", "value": s}]),
    "a flag": lambda s: ("Deployment production/a", "args", ["--api-key", s, "--port=80"]),
    "a flag with its value": lambda s: ("Deployment production/a", "args", [f"--hf-token={s}"]),
    "a flag by its name": lambda s: ("Deployment production/a", "args[--api-key]", s),
    "a field": lambda s: ("Release a", "values.auth.clientSecret", s),
    "an encrypted value": lambda s: ("Release a", "values.auth", {"secure": s}),
    "an encrypted field": lambda s: ("Release a", "values.auth.secure", s),
    "what Pulumi marks": lambda s: ("A b", "x", {"4dabf18193072939515e22adb298388d": "1b47", "plaintext": s}),
    "what kubectl leaves": lambda s: (
        "Secret a/b", "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]", f'{{"data":"{s}"}}'
    ),
    "what kubectl leaves among others": lambda s: (
        "ConfigMap a/b", "metadata.annotations", {"kubectl.kubernetes.io/last-applied-configuration": s}
    ),
    "a token by its form": lambda s: ("ConfigMap a/b", "data.note", f"use hf_{s.replace('_', 'x')} here"),
    "a password in an address": lambda s: ("ConfigMap a/b", "data.url", f"redis://x:{s}@host"),
}  # fmt: skip


@settings(WIDE, max_examples=4)
@given(SECRETS, SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_no_form_shows_a_secret(form: str, before: str, after: str) -> None:
    resource, path, old = FORMS[form](before)
    new = FORMS[form](after)[2]
    found = report(change(resource, FieldChange(path, old, new), FieldChange("gone", old if path == "" else ABSENT, 1)))
    if path == "":
        found = report(change(resource, FieldChange(path, old, new)))
    for each in ReportForm:
        text = each.write(found, Options())
        assert before not in text, each
        assert after not in text, each
    assert "secret]" in ReportForm.JSON.write(found, Options())


@given(SECRETS)
@settings(WIDE, max_examples=10)
def test_a_secret_of_a_field_is_taken_out_of_all_texts(secret: str) -> None:
    headline = Headline("ModelServer/a", (), "restarted", f"`a` restarts: token {secret}", f"means {secret}")
    told = {"rule": "r", "severity": "error", "at": "a", "message": f"has {secret}", "remedies": [f"not {secret}"]}
    found = report(
        change("Secret a/b", FieldChange("data.x", ABSENT, secret)),
        headlines=(headline,), new=(told,), notes=(secret,), before=f"<svg>{secret}</svg>", file=f"{secret}.yaml",
    )  # fmt: skip
    for form in ReportForm:
        assert secret not in form.write(found, Options()), form
    assert redacted(found).environments[0].before == ""


def test_placeholders_references_and_names_of_secrets_stay() -> None:
    stays = {
        "data.token": "${secret:hf_token}",
        f"{ENV}[HF_TOKEN].valueFrom.secretKeyRef": {"name": "hf", "key": "token"},
        f"{ENV}[HF_TOKEN].value": "$(OTHER)",
        "spec.template.spec.volumes[token].secret.secretName": "hf",
        "spec.template.spec.automountServiceAccountToken": False,
        "args[--max-total-tokens]": "4096",
        "spec.replicas": 3,
        "imagePullSecrets": [{"name": "registry"}],
    }
    for path, value in stays.items():
        (one,) = fields_of(redacted(report(change("Deployment a/b", FieldChange(path, ABSENT, value)))))
        assert one.after == value, path


def test_absent_and_null_stay_what_they_are() -> None:
    (one,) = fields_of(redacted(report(change("Secret a/b", FieldChange("data.x", ABSENT, None)))))
    assert one.before is ABSENT
    assert one.after is None


def test_a_common_word_in_a_secret_is_not_taken_out_of_texts() -> None:
    found = report(change("Secret a/b", FieldChange("data.user", "production", ABSENT)), notes=("in production",))
    environment = redacted(found).environments[0]
    assert environment.notes == ("in production",)
    assert fields_of(redacted(found))[0].before == SECRET


@settings(WIDE, max_examples=30)
@given(REPORTS)
def test_what_is_redacted_stays_so(found: Report) -> None:
    once = redacted(found)
    assert redacted(once) == once
