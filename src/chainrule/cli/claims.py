"""`chainrule claims`: statements of courses, each put to the test."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from chainrule.cli import output
from chainrule.cli.pages import PageCommand, about_pictures, write
from chainrule.core.errors import ChainRuleError
from chainrule.lessons import Claim, Outcome, Verdict, claim, claims
from chainrule.lessons.blocks import Block, Heading, Rows, of_outcome, tone_of
from chainrule.lessons.rendering import terminal
from chainrule.lessons.running import run_all

__all__ = ["app"]

app = typer.Typer(rich_markup_mode="rich", add_completion=False)

EXAMPLES = """
[bold]Examples[/]

chainrule claims

chainrule claims learning-rate

chainrule claims --html claims.html
"""


@app.command("claims", cls=PageCommand, epilog=EXAMPLES)
def run_claims(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CLAIM]…", help="Claims to run; by default all.", show_default=False
        ),
    ] = None,
    list_only: Annotated[
        bool, typer.Option("--list", help="List the claims without running them.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides all that is random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    html: Annotated[
        str,
        typer.Option(metavar="[PAGE]", help="As a page with pictures: a file.html, or stdout."),
    ] = "",
) -> None:
    """Run the experiments behind statements that courses make, and judge each by its evidence.

    One claim is shown with all it measured, several as a table. Exit code 1 if one is unclear.
    """
    if as_json and html:
        output.fail("choose one of --html and --json")
    try:
        chosen = [claim(name) for name in names] if names else list(claims().values())
    except ChainRuleError as error:
        output.fail(error)
    out = output.console()
    if list_only:
        for one in chosen:
            out.print(Text(one.key, style="cyan").append(f"  {one.statement}", style="default"))
        return
    quiet = as_json or bool(html)
    one_only = len(chosen) == 1
    start = time.perf_counter()
    outcomes, interrupted = _run(chosen, seed, None if quiet or one_only else out)
    took = time.perf_counter() - start
    if as_json:
        from chainrule.lessons.rendering.data import to_data

        typer.echo(json.dumps(to_data(outcomes), indent=1, ensure_ascii=False))
    elif html:
        from chainrule.lessons.rendering.page import to_page

        write(to_page("Claims, put to the test", _page(outcomes)), html)
    elif one_only:
        for outcome in outcomes:
            terminal.show(out, of_outcome(outcome))
        if any(outcome.pictures for outcome in outcomes):
            about_pictures()
    _finish(out if not quiet else output.console(stderr=True), outcomes, chosen, took, interrupted)


def _run(chosen: list[Claim], seed: int, out: Console | None) -> tuple[list[Outcome], bool]:
    """The outcomes until the end or an interrupt; each is shown when it is there."""
    outcomes: list[Outcome] = []
    screen = output.console(stderr=True)
    running = run_all(chosen, seed)
    width = max(len(one.key) for one in chosen)
    chapter = None
    try:
        for number, one in enumerate(chosen, 1):
            with screen.status(Text(f"{number}/{len(chosen)}  {one.key}")):
                outcome = next(running)
            outcomes.append(outcome)
            if out is not None:
                if one.chapter is not chapter:
                    chapter = one.chapter
                    out.print(Text(chapter, style="bold"))
                out.print(_line(outcome, width), soft_wrap=True)
    except KeyboardInterrupt:
        return outcomes, True
    return outcomes, False


def _line(outcome: Outcome, width: int) -> Text:
    tone = terminal.TONES[tone_of(outcome.verdict)]
    line = Text("  ").append(f"{outcome.claim.key:<{width}}", style="cyan")
    line.append(f"  {outcome.verdict:<24}", style=tone)
    line.append(f"{outcome.seconds:6.2f} s  {outcome.claim.statement}", style="dim")
    return line


def _page(outcomes: list[Outcome]) -> list[Block]:
    rows = tuple((one.claim.key, one.claim.statement, one.verdict.value) for one in outcomes)
    return [
        Heading("Claims, put to the test", 1),
        Rows(("claim", "statement", "verdict"), rows),
        *(block for outcome in outcomes for block in of_outcome(outcome)),
    ]


def _finish(
    out: Console, outcomes: list[Outcome], chosen: list[Claim], took: float, interrupted: bool
) -> None:
    """The sums, and the exit code."""
    if len(chosen) > 1:
        counts = [(verdict, sum(o.verdict is verdict for o in outcomes)) for verdict in Verdict]
        found = ", ".join(f"{count} {verdict}" for verdict, count in counts if count)
        out.print(Text(f"{len(outcomes)} claims in {took:.1f} s: {found or 'none finished'}"))
    for outcome in outcomes if len(chosen) > 1 else []:
        if outcome.error:
            out.print(Text(f"{outcome.claim.key}: {outcome.error}", style="red"), soft_wrap=True)
    if interrupted:
        left = len(chosen) - len(outcomes)
        line = f"[yellow]interrupted:[/] {left} of {len(chosen)} not run"
        output.console(stderr=True).print(line)
        raise typer.Exit(130)
    if any(outcome.verdict is Verdict.UNCLEAR for outcome in outcomes):
        raise typer.Exit(1)
