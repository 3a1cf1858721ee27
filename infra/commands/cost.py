"""The commands about money: `infra cost` and `infra prices`. None of them asks the network for a price."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..plan.environments import PRICES, Loaded, UsageError, find_root, load, need_project
from ..stack.stackfile import StackError
from ..terminal.terminal import BAD_INPUT, FINDINGS, PROVED, complain, printable, say, say_json, status
from ..terminal.words import counted
from .arguments import Environments, chosen

if TYPE_CHECKING:
    from components.core.price import PriceRow

Words = Annotated[
    list[str] | None, typer.Argument(metavar="[SEARCH]", help="Words to look for; or update, to take over a table.")
]
Style = Annotated[Literal["table", "json"], typer.Option("--format", help="For people, or for machines.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(name="cost")(cost)
    app.command(name="prices")(list_prices)


def cost(
    environments: Environments = None,
    stack: Annotated[
        Path | None, typer.Option("--stack", metavar="FILE", help="Price this one stack file instead.")
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices", metavar="FILE", help="Prices that hold instead. Omitted: prices.tsv beside the stacks."
        ),
    ] = None,
    managed: Annotated[
        bool, typer.Option("--managed", help="Compare each model with an Inference Endpoint of Hugging Face.")
    ] = False,
    style: Style = "table",
) -> int:
    """Say what environments cost in a month.

    Line by line, from the fewest to the most replicas, by dated list prices; and what is expected, where models state
    how much they are used. What has no price is said, never counted as nothing.

    Exits with 0, and with 2 when a file cannot be used.
    """
    from components.catalog.prices import prices as catalog  # noqa: PLC0415 - only where it is told
    from components.cost.estimate import estimate  # noqa: PLC0415

    from ..stack.price_file import read_prices  # noqa: PLC0415
    from .cost_report import cost_lines, footer_lines  # noqa: PLC0415

    loaded, refused = _load(environments, stack)
    own = catalog().overridden(read_prices(prices)) if prices else None
    made = []
    for one in loaded:
        with status(f"pricing {one.plan.environment}"):
            made.append(estimate(one.plan, table=own))
    if style == "json":
        say_json({"environments": [one.as_json() for one in made]})
        return BAD_INPUT if refused else PROVED
    for one, priced in zip(loaded, made, strict=True):
        table = own or catalog().overridden(one.plan.limits.prices)
        for line in cost_lines(priced, managed=table if managed else None):
            say(printable(line))
        say()
    for line in footer_lines(made):
        say(printable(line))
    return BAD_INPUT if refused else PROVED


def list_prices(
    search: Words = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="With update: the table to take over (TSV, CSV, JSON)."),
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="With update. Omitted: prices.tsv beside the stacks.")
    ] = None,
    style: Style = "table",
) -> int:
    """List the prices, or take over a table of your own.

    `infra prices l4 spot` lists those with all of the words, with date and source; `infra prices update --from FILE`
    checks every row of a table, and adds them to prices.tsv beside the stacks, which holds instead of the catalog.

    Exits with 1 when nothing is found, 2 when a table cannot be used.
    """
    from components.catalog.prices import prices as catalog  # noqa: PLC0415 - only where it is told

    from .cost_report import price_lines  # noqa: PLC0415

    words = search or []
    if words[:1] == ["update"]:
        return _update(words[1:], source, target)
    if source or target:
        raise UsageError("--from and --to belong to `infra prices update`")
    table = catalog().overridden(_own_prices())
    wanted = " ".join(words).lower().split()
    found = [row for row in table.rows if all(word in _names(row) for word in wanted)]
    if style == "json":
        say_json([asdict(row) for row in found])
    elif found:
        for line in price_lines(found):
            say(printable(line))
    if not found:
        complain(f'infra: no price has "{printable(" ".join(words))}" in its name')
    return PROVED if found else FINDINGS


def _names(row: PriceRow) -> str:
    """What a price is found by; a machine also by the GPUs it comes with."""
    from components.catalog.machines import machine_types  # noqa: PLC0415 - only where somebody looks

    machine = machine_types().get(row.name)
    gpus = tuple(machine.gpus) if machine and machine.gpus_included else ()
    return " ".join((*row.key, *gpus)).lower()


def _update(words: list[str], source: Path | None, target: Path | None) -> int:
    from ..stack.price_file import read_prices, write_prices  # noqa: PLC0415 - only where one is read

    if words or source is None:
        raise UsageError("write `infra prices update --from FILE`")
    target = target or _beside_stacks()
    found = read_prices(source)
    before = read_prices(target) if target.exists() else ()
    after = {row.key: row for row in (*before, *found)}
    write_prices(target, after.values())
    changed = sum(row not in before for row in found)
    say(f"{counted(len(found), 'price')} read, {changed:,} new or changed; {len(after):,} in {printable(str(target))}")
    return PROVED


def _beside_stacks() -> Path:
    return need_project().stack_config_dir / PRICES


def _own_prices() -> tuple[PriceRow, ...]:
    """The prices beside the stacks; none outside a project."""
    from ..stack.price_file import read_prices  # noqa: PLC0415 - only where one is read

    path = _beside_stacks() if find_root() else None
    return read_prices(path) if path and path.is_file() else ()


def _load(names: list[str] | None, stack: Path | None) -> tuple[list[Loaded], bool]:
    """The environments that can be read, and whether others cannot; what is wrong with these is told."""
    paths, project = chosen(names, stack)
    found, refused = [], False
    for name, path in paths.items():
        try:
            with status(f"reading {name}"):
                found.append(load(path, project))
        except StackError as error:
            refused = True
            for line in error.lines():
                complain(printable(line))
    return found, refused
