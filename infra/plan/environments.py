"""Finding and loading environments for the tools: by name from stacks/, or by file.

UsageError (InferenceError)   a command that cannot be meant, such as an environment that does not exist
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from components.core.errors import ConfigError, InferenceError, did_you_mean
from components.core.plan import Plan

from ..stack.project import Project
from ..stack.stackfile import StackError, StackFile, load_project, load_stack, stack_paths
from .environment import Environment
from .planning import planned

PROJECT_FILE = "Pulumi.yaml"
PRICES = "prices.tsv"
"""The file beside the stacks whose prices hold instead of the catalog's."""
_DEEPEST = 100
"""Folders to look upward; a working folder that was deleted has no end."""


class UsageError(InferenceError):
    """A command that cannot be meant as it was given; the text says what can."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One environment, read and planned.

    Attributes:
        stack: its file.
        environment: its settings.
        plan: everything it is.
    """

    stack: StackFile
    environment: Environment
    plan: Plan


def find_root() -> Path | None:
    """The nearest folder with a Pulumi.yaml, here or above, as a relative path; `None` when there is none."""
    folder = Path()
    for _ in range(_DEEPEST):
        try:
            if (folder / PROJECT_FILE).is_file():
                return folder
            if folder.samefile(folder / ".."):
                return None
        except OSError:
            return None
        folder /= ".."
    return None


def need_project() -> Project:
    """The project around the working folder.

    Raises:
        UsageError: when there is none.
        StackError: when its Pulumi.yaml cannot be used.
    """
    root = find_root()
    if root is None:
        raise UsageError("no Pulumi.yaml here or in any folder above; run it inside the repository")
    return load_project(root)


def environment_paths(project: Project, names: Sequence[str] = ()) -> dict[str, Path]:
    """The files of some environments, in the order given; of all of them when no name is given.

    Raises:
        UsageError: for a name that no file has, and when there is no file at all.
        StackError: when the folder of stacks cannot be used.
    """
    paths = stack_paths(project.path.parent, project)
    if not paths:
        raise UsageError(f"no environment in {project.stack_config_dir}; add one as Pulumi.<environment>.yaml")
    wrong = [name for name in names if name not in paths]
    if wrong:
        lines = [f'no environment "{name}"; {did_you_mean(name, paths)}' for name in dict.fromkeys(wrong)]
        raise UsageError("\n".join(lines))
    return {name: paths[name] for name in names} if names else paths


def load(path: Path, project: Project | None) -> Loaded:
    """Read and plan one environment.

    Raises:
        StackError: every problem of the file at once, each with its line.
        PriceFileError: every problem of the prices beside it, likewise.
    """
    stack = load_stack(path, project)
    try:
        environment, plan = planned(stack.values, stack.environment, set(stack.secrets))
    except ConfigError as error:
        raise StackError(path, [(stack.line(problem.path), problem) for problem in error.problems]) from None
    return Loaded(stack, environment, _with_own_prices(plan, project))


def _with_own_prices(plan: Plan, project: Project | None) -> Plan:
    """The plan with the prices that the team keeps beside its stacks, where there are any."""
    path = project.stack_config_dir / PRICES if project else None
    if path is None or not path.is_file():
        return plan
    from ..stack.price_file import read_prices  # noqa: PLC0415 - most projects have none

    return replace(plan, limits=replace(plan.limits, prices=read_prices(path)))
