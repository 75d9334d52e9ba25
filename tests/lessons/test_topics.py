"""Every topic: it is complete, and shown in every form; formulas."""

import re
import xml.dom.minidom

import pytest

import chainrule as cr
from chainrule import lessons
from chainrule.core.errors import ClaimError, NotationError
from chainrule.lessons import blocks
from chainrule.lessons.formula import to_mathml, to_text
from chainrule.lessons.kit import Derived, Formula, Question, Trap
from chainrule.lessons.rendering.latex import plain, to_latex
from chainrule.lessons.rendering.page import to_page
from chainrule.lessons.worked import derive

KEYS = list(lessons.topics())


def sentences(text: str) -> int:
    return len(re.findall(r"[.!?](?=\s+[^a-z]|$)", text))


@pytest.mark.parametrize("key", KEYS)
def test_a_topic_is_complete(key: str) -> None:
    topic = lessons.topic(key)
    assert sentences(topic.motivation) == 2, topic.motivation
    assert sentences(topic.questions[0].answer) == 2, topic.questions[0].answer
    assert topic.mental_picture and topic.definition and topic.traps and topic.formulas


@pytest.mark.parametrize("key", KEYS)
def test_a_topic_is_shown_in_every_form(key: str) -> None:
    shown = list(blocks.of_topic(lessons.topic(key)))
    assert any(isinstance(block, blocks.Steps | blocks.Rows) for block in shown), "an example"
    page = to_page(key, shown)
    body = page[page.index("<body>") : page.index("</html>")].replace("&nbsp;", " ")
    parsed = xml.dom.minidom.parseString(body)
    names = [e.getAttribute("id") for e in parsed.getElementsByTagName("*") if e.hasAttribute("id")]
    assert len(names) == len(set(names))
    own = [block for block in shown if not isinstance(block, blocks.Steps)]
    foreign = {letter for letter in to_latex(own) if not letter.isascii()}
    assert foreign == set(), "rendering/latex.py has no LaTeX for these"


@pytest.mark.parametrize("gather", [blocks.card, blocks.questions, blocks.traps])
def test_what_is_gathered(gather) -> None:
    shown = list(gather())
    assert to_page("x", shown) and to_latex(shown).isascii()
    headings = [block.text for block in shown if isinstance(block, blocks.Heading)]
    if gather is not blocks.card:
        assert headings[1:] == [lessons.topic(key).title for key in KEYS]
    else:
        formulas = sum(len(lessons.topic(key).formulas) for key in KEYS)
        assert sum(isinstance(block, blocks.Display) for block in shown) == formulas


def test_answers_are_hidden_on_pages() -> None:
    page = to_page("q", [blocks.Hidden("why?", "because <of> it")])
    assert "<details><summary>why?</summary><p>because &lt;of&gt; it</p></details>" in page


def test_values_have_no_minus_zero() -> None:
    assert blocks.value_text([-0.0, -1e-9, 2.5]) == "[0. , 0. , 2.5]"


def test_prose_is_joined() -> None:
    assert Question("a?", "\n    one\n    two\n").answer == "one two"
    assert Trap("a", "b\n  c", "d").why == "b c"


def test_names_lead_to_the_near_one() -> None:
    with pytest.raises(lessons.UnknownNameError, match="did you mean gradient"):
        lessons.topic("gradiant")
    with pytest.raises(lessons.UnknownNameError, match="chainrule notes gradient"):
        lessons.claim("gradient")
    with pytest.raises(LookupError, match="chainrule notes lists them"):
        lessons.topic("zzzz")
    assert lessons.claim("Learning Rate").key == "learning-rate"
    assert lessons.claim("batch_noise") is not None


# -- formulas --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{\partial L}{\partial w} = \frac{\partial L}{\partial y} \cdot "
         r"\frac{\partial y}{\partial w}", "∂L/∂w = ∂L/∂y · ∂y/∂w"),
        (r"w \leftarrow w - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}",
         "w ← w - η m̂ₜ/(√(v̂ₜ) + ε)"),
        (r"H = \begin{pmatrix} 6 & 2 \\ 2 & 6y \end{pmatrix}", "H = [6, 2; 2, 6y]"),
        (r"f(x) = \begin{cases} x & \text{if } x > 0 \\ 0 & \text{else} \end{cases}",
         "f(x) = { x if x > 0; 0 else"),
        (r"\mathbb{E} \, \lVert g \rVert^2 \le \sigma^2 / B", "𝔼 ‖g‖² ≤ σ²/B"),
        (r"-f''(x) \ln x = -2", "-f″(x) ln x = -2"),
        (r"\frac{1}{N} \, \sum_{i=1}^N x_i", "1/N Σ (i = 1 … N) xᵢ"),
        (r"\max_{\lVert v \rVert = 1} \nabla f \cdot v", "max (‖v‖ = 1) ∇f · v"),
    ],
)  # fmt: skip
def test_formulas_in_a_terminal(latex: str, text: str) -> None:
    assert to_text(latex) == text
    xml.dom.minidom.parseString(to_mathml(latex).replace("&nbsp;", " "))


@pytest.mark.parametrize("latex", [r"\frac{1}", r"\foo", "x^", "{x", "a}", r"\begin{array}"])
def test_formulas_outside_of_the_subset_are_refused(latex: str) -> None:
    with pytest.raises(NotationError, match="formula 'wrong': "):
        Formula("wrong", latex)


def test_derivatives_on_the_card_are_computed() -> None:
    row = Derived("cross-entropy", "-(y log(σ(z)) + (1-y) log(1-σ(z)))", "z", as_written="σ(z) - y")
    assert derive(row).text.endswith("= σ(z) - y")
    greek = derive(Derived("log-probability", "ln σ(θ)", "θ", as_written="1 - σ(θ)"))
    assert greek.text == "d/dθ ln(σ(θ)) = 1 - σ(θ)" and greek.latex.isascii()
    assert derive(Derived("sine", "sin x", order=2)).text == "d²/dx² sin(x) = -sin(x)"
    with pytest.raises(ClaimError, match="'sine': cos"):
        derive(Derived("sine", "sin x", order=2, as_written="cos x"))


def test_words_in_latex() -> None:
    assert plain("a_1 < ŵ·∇f²") == r"a\_1 $<$ $\hat{w}$$\cdot$$\nabla$f$^{2}$"


def test_pictures_need_matplotlib(monkeypatch) -> None:
    from chainrule.lessons.rendering import figures, page

    monkeypatch.setattr(figures, "find_spec", lambda name: None)
    shown = list(blocks.of_topic(lessons.topic("gradient")))
    text = page.to_page("gradient", shown)
    assert "pip install" in text and "<svg" not in text and "Contour lines" in text


def test_lessons_are_imported_late() -> None:
    import subprocess
    import sys

    code = "import chainrule, sys; print([m for m in sys.modules if 'lessons' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]" and cr is not None
