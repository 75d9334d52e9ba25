"""`chainrule notes`: the notions of the calculus, explained and worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import typer
from rich.text import Text

from chainrule.cli import output
from chainrule.cli.pages import PageCommand, write
from chainrule.core.errors import ChainRuleError
from chainrule.lessons import blocks as kinds
from chainrule.lessons import topic, topics
from chainrule.lessons.rendering import terminal

__all__ = ["app"]

app = typer.Typer(rich_markup_mode="rich", add_completion=False)

EXAMPLES = """
[bold]Examples[/]

chainrule notes

chainrule notes gradient

chainrule notes gradient --html gradient.html

chainrule notes --card
"""


@app.command(cls=PageCommand, epilog=EXAMPLES)
def notes(
    name: Annotated[
        str,
        typer.Argument(metavar="[TOPIC]", help="A topic; without one all are listed."),
    ] = "",
    card: Annotated[bool, typer.Option("--card", help="The formulas of all topics.")] = False,
    questions: Annotated[
        bool, typer.Option("--questions", help="Interview questions and their answers.")
    ] = False,
    traps: Annotated[
        bool, typer.Option("--traps", help="Wrong statements, and the right ones.")
    ] = False,
    latex: Annotated[bool, typer.Option("--latex", help="As LaTeX.")] = False,
    html: Annotated[
        str,
        typer.Option(metavar="[PAGE]", help="As a page with pictures: a file.html, or stdout."),
    ] = "",
) -> None:
    """Explain a notion: what it is for, what it is, and an example worked out now."""
    wanted = [bool(name), card, questions, traps]
    if sum(wanted) > 1:
        output.fail("choose one of a topic, --card, --questions and --traps")
    if latex and html:
        output.fail("choose one of --html and --latex")
    if not any(wanted):
        if latex or html:
            output.fail("say what is to be written: a topic, --card, --questions or --traps")
        _list()
        return
    whole: dict[str, Callable[[], Iterable[kinds.Block]]] = {
        "Formula card": kinds.card,
        "Interview questions": kinds.questions,
        "Traps": kinds.traps,
    }
    try:
        if name:
            found = topic(name)
            title, blocks = found.title, list(kinds.of_topic(found))
        else:
            title = list(whole)[wanted[1:].index(True)]
            blocks = list(whole[title]())
    except ChainRuleError as error:
        output.fail(error)
    if latex:
        from chainrule.lessons.rendering.latex import to_latex

        typer.echo(to_latex(blocks), nl=False)
    elif html:
        from chainrule.lessons.rendering.page import to_page

        write(to_page(title, blocks), html)
    else:
        terminal.show(output.console(), blocks)


def _list() -> None:
    out = output.console()
    chapter = None
    width = max((len(key) for key in topics()), default=0)
    for key, one in topics().items():
        if one.chapter is not chapter:
            if chapter is not None:
                out.print()
            chapter = one.chapter
            out.print(Text(chapter, style="bold"))
        line = Text("  ")
        line.append(f"{key:<{width}}", style="cyan")
        out.print(line.append(f"  {one.title}"), soft_wrap=True)
    out.print()
    out.print(Text("chainrule notes TOPIC explains one; --card, --questions and --traps gather"))
