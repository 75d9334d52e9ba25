import json
import sys
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import chainrule as cr
from chainrule import data, nn, train
from chainrule.cli import output
from chainrule.cli.train import app


def invoke(*options):
    return CliRunner().invoke(app, ["digits", *map(str, options)], catch_exceptions=False)


def words(text):
    return " ".join(text.replace("│", " ").split())


def test_trains_saves_and_loads_with_identical_predictions(tmp_path):
    pytest.importorskip("matplotlib")
    done = invoke("--epochs", 4, "--hidden", "32,16", "--seed", 4, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "1,797 handwritten digits" in done.output
    assert "epoch 4/4  loss" in done.output
    assert "layers.4" in done.output
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "curves.png",
        "mistakes.png",
        "model.safetensors",
    ]

    metadata = train.read_metadata(tmp_path / "model.safetensors")
    assert metadata["epochs"] == 4
    assert f"{metadata['test_accuracy']:.2%}" in done.output
    model = train.load(
        nn.MLP(64, metadata["hidden"], 10, key=cr.random.key(9)), tmp_path / "model.safetensors"
    )
    _, test = data.load_digits().split(test=0.2, seed=4)
    measured = train.evaluate(model, nn.cross_entropy, test, metrics=[train.accuracy])
    assert measured["accuracy"] == metadata["test_accuracy"]
    assert measured["accuracy"] > 0.6

    # the lines printed for loading it work as they are
    printed = "\n".join(line.strip() for line in done.output.split("to load it:")[1].splitlines())
    namespace: dict = {}
    exec(printed, namespace)
    x = cr.tensor(test.inputs)
    np.testing.assert_array_equal(namespace["model"](x).numpy(), model(x).numpy())


def test_the_same_seed_gives_the_same_model(tmp_path):
    for name in ("a", "b"):
        done = invoke("--epochs", 1, "--hidden", "8", "--no-plots", "--out", tmp_path / name)
        assert done.exit_code == 0
        assert [file.name for file in (tmp_path / name).iterdir()] == ["model.safetensors"]
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert one == two


def test_without_matplotlib_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = invoke("--epochs", 1, "--hidden", "8", "--out", tmp_path)
    assert done.exit_code == 0
    assert "pip install 'chainrule[explain]'" in done.output
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_network_without_hidden_layers_is_a_linear_classifier(tmp_path):
    done = invoke("--epochs", 1, "--hidden", "", "--no-plots", "--out", tmp_path)
    assert done.exit_code == 0
    assert "650 parameters" in done.output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--epochs", "0"], "--epochs"),
        (["--epochs", "many"], "--epochs"),
        (["--batch-size", "0"], "--batch-size"),
        (["--learning-rate", "-1"], "-1.0 is no learning rate"),
        (["--learning-rate", "nan"], "nan is no learning rate"),
        (["--hidden", "12,x"], "such as 128,64"),
        (["--hidden", "12,-3"], "such as 128,64"),
        (["--seed", "-1"], "--seed"),
        (["--depth", "3"], "--depth"),
    ],
)
def test_bad_options_exit_with_2(tmp_path, options, says):
    done = invoke(*options, "--out", tmp_path / "none")
    assert done.exit_code == 2
    assert says in words(done.output)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert invoke("--out", file).exit_code == 2


def test_divergence_exits_with_1_and_says_what_to_do(tmp_path):
    done = invoke("--learning-rate", 1e37, "--epochs", 3, "--hidden", "8", "--out", tmp_path)
    assert done.exit_code == 1
    assert "smaller learning rate" in words(done.output)
    assert "Traceback" not in done.output


def test_an_interrupt_saves_what_was_learned(tmp_path, monkeypatch):
    def interrupt(self, run, measured):
        if run.steps == 30:
            raise KeyboardInterrupt

    monkeypatch.setattr(train.ProgressBar, "stepped", interrupt)
    done = invoke("--hidden", "8", "--no-plots", "--out", tmp_path)
    assert done.exit_code == 130
    assert "interrupted after 30 steps" in done.output
    assert train.read_metadata(tmp_path / "model.safetensors")["steps"] == 30


def test_help_explains_itself():
    done = invoke("--help")
    assert done.exit_code == 0
    text = words(done.output)
    assert "chainrule train digits --epochs 10" in text
    for option in ("--hidden", "--seed", "--out", "--no-plots", "--learning-rate"):
        assert option in text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_reaches_97_percent(tmp_path, seed):
    done = invoke("--seed", seed, "--no-plots", "--out", tmp_path)
    assert done.exit_code == 0
    assert train.read_metadata(tmp_path / "model.safetensors")["test_accuracy"] >= 0.97, json.dumps(
        train.read_metadata(tmp_path / "model.safetensors")
    )


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    done = invoke("--out", tmp_path / "file" / "run")
    assert done.exit_code == 1
    assert "run of --out cannot be created (Not a directory)" in words(done.output)


def test_a_folder_that_cannot_be_written_to_is_named_before_the_training(tmp_path, monkeypatch):
    from chainrule.cli.train import options

    def refuse(**given):  # to root, under whom tests may run, no folder is read-only
        assert given == {"dir": tmp_path}
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(options, "TemporaryFile", refuse)
    done = invoke("--out", tmp_path)
    assert done.exit_code == 1
    assert "of --out cannot be written to (Permission denied); choose another" in words(done.output)
    assert "epoch" not in done.output


def test_an_interrupt_outside_of_the_training_ends_with_130(tmp_path, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "load_digits", interrupt)
    done = invoke("--out", tmp_path)
    assert done.exit_code == 130
    assert "interrupted" in done.output and "Traceback" not in done.output


def test_too_little_memory_is_said_without_a_traceback(tmp_path, monkeypatch):
    def fail(*args, **options):
        raise MemoryError("Unable to allocate 238. GiB")

    monkeypatch.setattr(nn, "MLP", fail)
    done = invoke("--out", tmp_path)
    assert done.exit_code == 1
    assert "error: not enough memory (Unable to allocate 238. GiB); try a smaller network" in (
        words(done.output)
    )


@pytest.mark.parametrize(("rate", "remark"), [(1e6, True), (3e-3, False)])
def test_a_network_that_has_not_learned_gets_a_remark(tmp_path, rate, remark):
    done = invoke(
        "--learning-rate", rate, "--epochs", 2, "--hidden", "16", "--no-plots", "--out", tmp_path
    )
    assert done.exit_code == 0
    assert ("hardly learned" in done.output) == remark


@pytest.mark.parametrize("smoothing", [0.1, 1.0])
def test_the_least_possible_loss_is_that_of_the_smoothed_label(tmp_path, smoothing):
    label = np.full(10, smoothing / 10)
    label[3] += 1 - smoothing
    least = nn.cross_entropy(np.log(label), 3, label_smoothing=smoothing).item()
    done = invoke(
        "--label-smoothing",
        smoothing,
        "--epochs",
        1,
        "--hidden",
        "",
        "--no-plots",
        "--out",
        tmp_path,
    )
    assert f"(least possible loss {least:.4f})" in done.output


def test_labels_that_are_not_smoothed_have_no_least_loss_to_tell(tmp_path):
    done = invoke(
        "--label-smoothing", 0, "--epochs", 1, "--hidden", "", "--no-plots", "--out", tmp_path
    )
    assert "least possible" not in done.output


def test_a_table_loses_nothing_on_a_narrow_terminal():
    console = Console(
        width=60, force_terminal=True, color_system=None, record=True, file=StringIO()
    )
    table = output.table(console, "network", "error", "largest norm", "steps", "")
    table.add_row("RNN, Adam, clipped", "0.2692", "1.72e+05", "1,500", "no better than guessing")
    console.print(table)
    told = console.export_text()
    assert "…" not in told
    for word in ("clipped", "0.2692", "1.72e+05", "1,500", "guessing"):
        assert word in told
