"""What a credential looks like, and by which names it goes: asked by settings, proofs, messages and diffs alike."""

from __future__ import annotations

import re

SECRET = "[secret]"
"""What stands for a secret's value where others read."""
PLAINTEXT_ADVICE = (
    "a credential must not be written in plain text; take it out, revoke it, and let hf_token say where the Hub's "
    "token is kept (`pulumi config set --secret inference:hf_token` keeps one encrypted in the stack), or secret_env "
    "name the Secret that holds another"
)
"""What to say of a credential that stands in a stack file or a program."""

_WORD = re.compile(
    r"(^|[_.-])(token|secret|password|passwd|passphrase|credentials?|(api|access|private|secret)[_-]?key)$",
    re.IGNORECASE,
)
_FIELD = re.compile(r"(^|_)(secret_data|authorization|pass|kubeconfig|connection_string|dsn)$", re.IGNORECASE)
"""What other programs call theirs."""
_VALUE = re.compile(
    # hf_transfer is a package that images install, not a token.
    r"(?<![A-Za-z0-9])(hf_(?!transfer\b)[A-Za-z0-9]{8,}|sk-[A-Za-z0-9]{16,}|AKIA[A-Z0-9]{12,}|gh[pousr]_\w{20,})|-----BEGIN"
    # A password in a URL, and the header that hands a token over; `$(NAME)` is Kubernetes' reference to a variable.
    r"|://[^\s/:@]*:(?!\$\()[^\s/@]+@|\bBearer\s+(?!\$\()\S{12,}"
)
_MARKS = ("hf_", "sk-", "AKIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "-----BEGIN", "://", "Bearer")
"""What each form of a credential has. Looking for these first is ten times faster; a fleet has a million strings."""
_FLAG = re.compile(
    r"--?(token|password|secret|(hf|hub|auth|access|api|bearer)[-_]?(token|key|password|secret))", re.IGNORECASE
)
_LINE = re.compile(r"secure|[\w.-]+:[\w.-]+:\s*\S|[A-Za-z0-9+/=_-]{24,}")
"""An encrypted value, a top-level key of a stack with its value, or a run of letters as long as a key."""


def looks_secret(text: str) -> bool:
    """Whether a value has the form of a well-known credential."""
    return next((True for mark in _MARKS if mark in text), False) and _VALUE.search(text) is not None


def names_secret(name: str) -> bool:
    """Whether a field or variable name says that its value is a credential."""
    return _WORD.search(name) is not None


def names_secret_anywhere(name: str) -> bool:
    """The same of any program's fields: `hfToken` as well as `HF_TOKEN`, `dsn` and `kubeconfig` too."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return names_secret(snake) or _FIELD.search(snake) is not None


def states_secret(name: str, value: str) -> bool:
    """Whether a variable states a credential: an empty one does not, nor one that refers to another variable."""
    return looks_secret(value) or (names_secret(name) and bool(value) and not value.startswith("$("))


def hands_over_secret(argument: str, following: str) -> bool:
    """Whether a command line's argument is a credential's flag with the credential itself, `--api-key abc`."""
    flag, _, value = argument.partition("=")
    value = value or following
    return _FLAG.fullmatch(flag) is not None and bool(value) and not value.startswith(("-", "$("))


def may_hold_secret(line: str) -> bool:
    """Whether a line of a file that cannot be parsed may hold a credential; rather once too often."""
    return names_secret(line) or looks_secret(line) or _LINE.search(line) is not None
