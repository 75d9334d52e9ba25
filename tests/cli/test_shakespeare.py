import numpy as np
import pytest
from typer.testing import CliRunner

import chainrule as cr
from chainrule import data, random, train
from chainrule.cli.train import app
from chainrule.cli.train.shakespeare import Corpus, bits, lstm, shakespeare

TEXT = "to be, or not to be: that is the question.\n" * 30


def test_every_target_is_the_character_after_its_input():
    corpus = Corpus([TEXT, TEXT[::-1]], length=10)
    inputs, targets = corpus.held_out()
    assert inputs.shape == targets.shape and inputs.shape[1] == 10
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    text = corpus.decode(cr.tensor(np.concatenate([inputs[0], targets[0][-1:]])))
    assert text == TEXT[round(0.9 * len(TEXT)) :][:11]


def test_no_training_piece_comes_from_the_held_out_text():
    marked = TEXT + "#" * (len(TEXT) // 9)  # the last tenth
    corpus = Corpus([marked], length=8)
    stream = corpus.training(4, random.key(0))
    for epoch in (1, 2):
        for inputs, targets in stream.epoch(epoch):
            assert "#" not in corpus.decode(inputs.ravel()) + corpus.decode(targets.ravel())
    assert set(corpus.decode(cr.tensor(corpus.held_out()[0].ravel()))) == {"#"}


def test_epochs_cut_the_text_at_other_places_and_repeat_with_the_key():
    corpus = Corpus(list(data.load_shakespeare().values()), length=50)

    def first(epoch):
        return next(iter(corpus.training(8, random.key(3)).epoch(epoch)))[0].numpy()

    np.testing.assert_array_equal(first(1), first(1))
    assert (first(1) != first(2)).any()


def test_bits_of_a_model_that_knows_nothing():
    targets = np.zeros((2, 3), int)
    assert bits(cr.zeros((2, 3, 8)), targets).item() == pytest.approx(3.0)


def test_the_help_tells_what_guessing_takes():
    corpus = Corpus(list(data.load_shakespeare().values()), length=128)
    characters = len(corpus.alphabet)
    learned = corpus.encode("".join(text[: round(0.9 * len(text))] for text in corpus.texts))
    frequencies = np.bincount(learned, minlength=characters) / len(learned)
    logits = np.broadcast_to(np.log(frequencies), (*corpus.held_out()[1].shape, characters))
    by_letters = bits(cr.tensor(logits), corpus.held_out()[1]).item()
    told = " ".join(shakespeare.__doc__.split())
    assert f"guessing takes {np.log2(characters):.1f}, the frequencies of letters" in told
    assert f"letters {by_letters:.1f}." in told
    assert f"{round(len(learned), -3):,} characters" in told


def command(*options):
    return CliRunner().invoke(app, ["shakespeare", *map(str, options)], catch_exceptions=False)


@pytest.mark.parametrize("network", ["lstm", "transformer"])
def test_the_command_learns_a_short_text_and_writes(network, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text(TEXT * 4, "utf-8")
    done = command(
        *("--network", network, "--text", file, "--length", 16, "--hidden", 16),
        *("--epochs", 8, "--sample", 40, "--no-plots", "--out", tmp_path),
    )
    assert done.exit_code == 0, done.output
    metadata = train.read_metadata(tmp_path / "model.safetensors")
    assert metadata["held_out_bits"] < 3.5  # the frequencies of the letters alone: 3.7
    assert f"held-out           {metadata['held_out_bits']:.3f} bits" in done.output
    written = done.output.split("0.8)\n")[1]
    assert len(written.rstrip("\n")) >= 30 and set(written) <= set(TEXT)


def test_a_saved_model_measures_the_same(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text(TEXT * 4, "utf-8")
    options = ("--text", file, "--length", 16, "--hidden", 8, "--epochs", 1, "--sample", 0)
    assert command(*options, "--no-plots", "--out", tmp_path).exit_code == 0
    path = tmp_path / "model.safetensors"
    metadata = train.read_metadata(path)
    corpus = Corpus([TEXT * 4], length=16)
    assert corpus.alphabet == metadata["alphabet"]
    model = train.load(lstm(len(corpus.alphabet), 8, key=random.key(5)), path)
    found = train.evaluate(model, bits, corpus.held_out(), batch_size=64)["loss"]
    assert found == pytest.approx(metadata["held_out_bits"], rel=1e-6)


def test_bad_texts_are_explained(tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("too short", "utf-8")
    done = command("--text", short, "--out", tmp_path)
    assert done.exit_code == 1 and "too short" in done.output and "Traceback" not in done.output
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00" * 1000)
    done = command("--text", binary, "--out", tmp_path)
    assert done.exit_code == 1 and "no UTF-8" in done.output
    assert command("--text", tmp_path / "none.txt").exit_code == 2
