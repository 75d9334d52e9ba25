"""Four tragedies of Shakespeare, which come with the package."""

from __future__ import annotations

from chainrule.data.packed import unpacked

__all__ = ["load_shakespeare"]


def load_shakespeare() -> dict[str, str]:
    """Hamlet, Macbeth, Othello, and Romeo and Juliet, as texts by title: 573,441
    characters in all.

    In the wording of Project Gutenberg, public domain; see shakespeare.txt.

    >>> from chainrule import data
    >>> plays = data.load_shakespeare()
    >>> {title: len(text) for title, text in plays.items()}
    {'Hamlet': 173897, 'Macbeth': 103371, 'Othello': 154473, 'Romeo and Juliet': 141700}
    """
    titles = ("Hamlet", "Macbeth", "Othello", "Romeo and Juliet")
    texts = unpacked("shakespeare.gz").decode("ascii").split("\f")
    return dict(zip(titles, texts, strict=True))
