"""Every derivation with a name: complete, held against finite differences, in every form."""

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ArgumentError, ClaimError
from chainrule.explaining import Explanation
from chainrule.explaining.arrays.catalogue import AGREEMENT, derivation, derivations
from chainrule.explaining.arrays.catalogue.entry import ENTRIES
from chainrule.explaining.arrays.differences import worst_difference
from chainrule.explaining.arrays.explain import explain_arrays
from chainrule.explaining.styles import TEXT

NAMES = [name for group in derivations().values() for name in group]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_complete_and_agrees_with_finite_differences(name: str) -> None:
    found = derivation(name)
    assert found.complete
    assert len(found.results) == len(ENTRIES[name].wrt)
    entry = ENTRIES[name]
    arguments, seed = entry.arguments(), entry.upstream()
    off = worst_difference(entry.function, arguments, entry.wrt, found, seed)
    assert off <= AGREEMENT
    half = replace(found.results[0], value=_halved(found.results[0].value))
    wrong = replace(found, results=(half, *found.results[1:]))
    assert worst_difference(entry.function, arguments, entry.wrt, wrong, seed) > 1e-2
    assert Explanation.from_json(found.json()) == found
    latex = found.latex()
    assert (latex.count("{") == latex.count("}") and r"\left" in latex) or "(" in latex
    assert found.html().count("<mrow>") == found.html().count("</mrow>")
    for step in found.steps:
        assert all(line.shape is not None for line in step.lines)


def _halved(value):  # type: ignore[no-untyped-def]
    return tuple(map(_halved, value)) if isinstance(value, tuple) else value / 2


def test_there_are_many_and_each_has_a_line() -> None:
    assert len(NAMES) >= 100
    assert all(summary for group in derivations().values() for summary in group.values())


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("MSE", "mean squared error"),
        ("Softmax-Cross-Entropy", "softmax cross-entropy"),
        ("layer_norm", "layer norm"),
        ("tr(AB)", "trace of a product"),
        ("backpropagation through time", "RNN through time"),
        ("BCE", "binary cross-entropy"),
        ("normal equations", "least squares"),
        ("conv2d", "convolution 2-D"),
    ],
)
def test_other_names(asked: str, name: str) -> None:
    assert derivation(asked) == derivation(name)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("sofmax", "did you mean 'softmax'"),
        ("layer nrom", "'layer norm'"),
        ("attention", None),
        ("zzz", r"see cr.derivations\(\)"),
        ("", r"see cr.derivations\(\)"),
    ],
)
def test_unknown_names(asked: str, words: str | None) -> None:
    if words is None:
        assert derivation(asked).complete
        return
    with pytest.raises(ArgumentError, match=words):
        derivation(asked)


def results(name: str) -> dict[str, str]:
    return {one.name.text: TEXT(one.expression) for one in derivation(name).results}


def test_what_textbooks_say() -> None:
    assert results("softmax cross-entropy") == {"∂L/∂Z": "(P - Y)/n"}
    assert results("softmax") == {"∂L/∂z": "(diag(p) - p pᵀ) G"}
    assert results("log-determinant") == {"∂L/∂A": "A⁻ᵀ"}
    assert results("inverse") == {"∂L/∂A": "-A⁻ᵀ G A⁻ᵀ"}
    assert results("quadratic form")["∂L/∂x"] == "(A + Aᵀ) x"
    assert results("trace") == {"∂L/∂A": "I"}
    assert results("least squares") == {"∂L/∂w": "Xᵀ X w - Xᵀ y"}
    assert results("embedding lookup") == {"∂L/∂E": "onehot(i)ᵀ G"}
    assert results("linear layer") == {"∂L/∂X": "G Wᵀ", "∂L/∂W": "Xᵀ G", "∂L/∂b": "Gᵀ 1"}
    assert results("linear recurrence through time")["∂L/∂h"] == "Uᵀ Uᵀ Uᵀ G"


def test_a_wrong_textbook_is_refused() -> None:
    X, W = np.ones((3, 2)), np.ones((2, 4))
    with pytest.raises(ClaimError, match="not what the engine computed"):
        explain_arrays(
            lambda X, W: (X @ W).sum(), (X, W), "W", textbook={"W": lambda known: known["W"]}
        )


def test_the_public_names() -> None:
    assert cr.derivation("bias") == derivation("bias")
    assert cr.derivations() == derivations()
