"""`chainrule train shakespeare`: a network that writes like Shakespeare, letter by letter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from chainrule import data, nn, optim, random, train
from chainrule.cli import output
from chainrule.cli.train.options import BatchSize, Epochs, Out, Plots, Seed, guarded
from chainrule.cli.train.pictures import draw
from chainrule.core.errors import DomainError
from chainrule.tensor import Tensor

__all__ = [
    "DEFAULTS",
    "EXAMPLE",
    "Corpus",
    "bits",
    "lstm",
    "optimizer",
    "schedule",
    "shakespeare",
    "transformer",
]

EXAMPLE = "chainrule train shakespeare --network transformer --epochs 3 --sample 300"

HELD_OUT = 0.1
"""Share of each text that is never learned from: its end."""
MAX_NORM = 1.0
"""To which gradients are clipped."""
WEIGHT_DECAY = 0.01


# -- the text --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Texts as the numbers of their characters.

    Args:
        texts: the texts; the last tenth of each is held out.
        length: characters that a network sees at once.

    Raises:
        DomainError: if no text is long enough.
    """

    texts: Sequence[str]
    length: int

    def __post_init__(self) -> None:
        longest = max((len(text) for text in self.texts), default=0)
        if longest * HELD_OUT <= self.length:
            raise DomainError(
                f"a text of {longest:,} characters is too short: its last tenth, which is held "
                f"out, must be longer than the {self.length} characters of --length"
            )

    @cached_property
    def alphabet(self) -> str:
        """Every character that occurs, in the order of their numbers."""
        return "".join(sorted(set().union(*self.texts)))

    def encode(self, text: str) -> np.ndarray:
        """The numbers of the characters of a text.

        Raises:
            DomainError: if a character does not occur in the corpus.
        """
        unknown = sorted(set(text) - set(self.alphabet))
        if unknown:
            raise DomainError(f"{', '.join(map(repr, unknown))} does not occur in the text")
        number = {character: at for at, character in enumerate(self.alphabet)}
        return np.array([number[character] for character in text], np.int32)

    def decode(self, tokens: Tensor) -> str:
        """The text of these numbers."""
        return "".join(self.alphabet[token] for token in tokens.tolist())

    @cached_property
    def _parts(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        encoded = [self.encode(text) for text in self.texts]
        ends = [round((1 - HELD_OUT) * len(text)) for text in encoded]
        return (
            [text[:end] for text, end in zip(encoded, ends, strict=True)],
            [text[end:] for text, end in zip(encoded, ends, strict=True)],
        )

    def training(self, batch_size: int, key: Tensor) -> data.Stream:
        """All training text in every epoch, cut into pieces at other places each time."""
        texts = self._parts[0]
        pieces = sum((len(text) - self.length) // self.length for text in texts)
        steps = max(1, pieces // batch_size)

        def epoch(number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            place, order = random.split(random.fold_in(key, number))
            first = int(random.randint(place, (), 0, self.length).item())
            inputs, targets = _pieces([text[first:] for text in texts], self.length)
            rows = random.permutation(order, len(inputs)).numpy()
            for at in range(steps):
                chosen = rows[at * batch_size : (at + 1) * batch_size]
                yield inputs[chosen], targets[chosen]

        return data.Stream(epoch, steps=steps, name="text")

    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """The held-out text in pieces, and the characters that follow each character."""
        return _pieces(self._parts[1], self.length)

    @property
    def characters(self) -> tuple[int, int]:
        """How many there are to learn from and how many are held out."""
        learned, kept = (sum(map(len, part)) for part in self._parts)
        return learned, kept


def _pieces(texts: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets, both (pieces, length); a target is the character after its input."""
    inputs, targets = [], []
    for text in texts:
        whole = (len(text) - 1) // length * length
        inputs.append(text[:whole].reshape(-1, length))
        targets.append(text[1 : whole + 1].reshape(-1, length))
    return np.concatenate(inputs), np.concatenate(targets)


# -- networks --------------------------------------------------------------------------------------


def lstm(characters: int, hidden: int = 256, *, key: Tensor) -> nn.RecurrentLM:
    """An LSTM that reads characters as vectors of 64 numbers."""
    first, second = random.split(key)
    return nn.RecurrentLM(characters, nn.LSTM(64, hidden, key=first), key=second)


def transformer(
    characters: int, hidden: int = 128, *, length: int, key: Tensor
) -> nn.TransformerLM:
    """Three decoder layers with four heads and rotary positions."""
    return nn.TransformerLM(
        characters, hidden, 4, 3, max_length=length, positions="rotary", dropout=0.1, key=key
    )


def bits(logits: Tensor, targets: Tensor) -> Tensor:
    """Bits per character: the mean of −log₂ p(next character)."""
    return nn.cross_entropy(logits, targets) / math.log(2)


def optimizer(learning_rate: float) -> optim.Optimizer:
    """AdamW on clipped gradients."""
    return optim.chain(
        optim.clip_by_global_norm(MAX_NORM), optim.adamw(learning_rate, weight_decay=WEIGHT_DECAY)
    )


def schedule(steps: int) -> optim.Schedule:
    """Up in a straight line, down along a cosine, for a training of so many steps."""
    warm = max(1, min(50, steps // 10))
    return optim.linear_warmup(warm, then=optim.cosine_decay(1.0, end=0.02))


# -- the command -----------------------------------------------------------------------------------

DEFAULTS = {"lstm": (256, 4e-3), "transformer": (128, 2e-3)}
"""Width and learning rate of each network."""


def shakespeare(
    network: Annotated[
        Literal["lstm", "transformer"], typer.Option(help="What kind of network learns.")
    ] = "lstm",
    epochs: Epochs = 10,
    batch_size: BatchSize = 32,
    length: Annotated[
        int, typer.Option(min=2, help="Characters that the network sees at once.")
    ] = 128,
    hidden: Annotated[
        int | None, typer.Option(min=4, help="Width; by default 256, of the Transformer 128.")
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Learn from this file (UTF-8) instead."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Characters that the network writes in the end.")
    ] = 500,
    temperature: Annotated[
        float, typer.Option(min=0, help="Below 1 it writes the likelier, above 1 the rarer.")
    ] = 0.8,
    seed: Seed = 0,
    out: Out = Path("runs/shakespeare"),
    plots: Plots = True,
) -> None:
    """Train a network to predict the next letter of Shakespeare, and let it write.

    It learns 516,000 characters of Hamlet, Macbeth, Othello, and Romeo and Juliet, and is tested on
    the last tenth of each, which it never learns from. The measure is bits per character: guessing
    takes 6.2, the frequencies of letters 4.8.
    """
    width, learning_rate = DEFAULTS[network]
    with guarded(out):
        texts = list(data.load_shakespeare().values()) if text is None else [_read(text)]
        corpus = Corpus(texts, length)
        key = random.key(seed)
        if network == "lstm":
            model: nn.Module = lstm(len(corpus.alphabet), hidden or width, key=key)
        else:
            model = transformer(
                len(corpus.alphabet), hidden or width, length=max(length, sample + 1), key=key
            )
        console = output.console()
        _describe(console, corpus, network, model, batch_size, seed)
        source = corpus.training(batch_size, random.fold_in(key, 1))
        run = train.fit(
            model,
            bits,
            source,
            optimizer=optimizer(learning_rate),
            schedule=schedule(epochs * (source.steps or 1)),
            epochs=epochs,
            validation=corpus.held_out(),
            callbacks=[train.ProgressBar(console, held_out="held-out")],
            progress=False,
        )
        _finish(console, run, corpus, network, key, sample, temperature, out, plots)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DomainError(f"{path} is no UTF-8 text: {error}") from None


def _describe(
    console: Console, corpus: Corpus, network: str, model: nn.Module, batch_size: int, seed: int
) -> None:
    learned, kept = corpus.characters
    count = sum(parameter.size for parameter in model.parameters().values())
    console.print(
        f"[bold]data[/]      {learned:,} characters for training, {kept:,} held out; "
        f"{len(corpus.alphabet)} different ones\n"
        f"[bold]network[/]   {network}, {count:,} parameters\n"
        f"[bold]training[/]  bits per character (loss), AdamW, clipped, "
        f"{batch_size} pieces of {corpus.length} characters a step, seed {seed}"
    )


def _finish(
    console: Console,
    run: train.Run,
    corpus: Corpus,
    network: str,
    key: Tensor,
    sample: int,
    temperature: float,
    out: Path,
    plots: bool,
) -> None:
    measured = train.evaluate(run.model, bits, corpus.held_out(), batch_size=64)["loss"]
    console.print(f"\n[bold]held-out           {measured:.3f} bits per character[/]")
    console.print(f"time               {run.seconds:.1f} s, {run.steps:,} steps")
    path = train.save(
        run.model,
        out / "model.safetensors",
        {
            "task": "shakespeare",
            "network": network,
            "alphabet": corpus.alphabet,
            "length": corpus.length,
            "epochs": len(run.history),
            "held_out_bits": measured,
        },
    )
    console.print(f"model              {escape(str(path))}")
    if plots and run.history:
        curves = partial(
            train.plot_curves,
            run,
            out / "curves.png",
            f"Next characters: {measured:.2f} bits on text that was not learned",
            held_out="held-out text",
            loss="bits per character",
        )
        draw(console, curves)
    if sample:
        prompt = corpus.encode("\n" if "\n" in corpus.alphabet else corpus.alphabet[0])
        written = nn.generate(
            run.model, prompt, sample, key=random.fold_in(key, 2), temperature=temperature
        )
        console.print(f"\n[bold]what it writes[/] (temperature {temperature:g})")
        console.print(escape(corpus.decode(written)), soft_wrap=True)
    if run.ended == "interrupted":
        console.print(f"[yellow]interrupted after {run.steps:,} steps; what was learned is kept[/]")
        raise typer.Exit(130)
