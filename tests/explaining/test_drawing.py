"""Pictures of graphs: well-formed, without overlaps, in steps that show what is known by then."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.explaining.graph.drawing import GraphPicture
from chainrule.explaining.graph.drawing.collapse import owners
from chainrule.explaining.graph.drawing.layout import crossings, layered
from chainrule.explaining.graph.drawing.page import BUDGET
from chainrule.explaining.graph.drawing.placing import place
from chainrule.explaining.graph.drawing.svg import STYLE
from chainrule.explaining.graph.drawing.writing import formula, number, summary, width

SVG = "{http://www.w3.org/2000/svg}"


def neuron(w1, b1, w2, x, y):  # type: ignore[no-untyped-def]
    z1 = w1 * x + b1
    a1 = cr.tanh(z1)
    z2 = w2 * a1
    L = (z2 - y) ** 2
    return L  # noqa: RET504 - the name of the result


def regression(X, Y, W, b):  # type: ignore[no-untyped-def]
    Z = X @ W + b
    L = -(Y * (Z - cr.logsumexp(Z, axis=1, keepdims=True))).sum() / 6
    return L  # noqa: RET504


def unrolled(x, W, v):  # type: ignore[no-untyped-def]
    h = np.zeros(3)
    for t in range(len(x)):
        h = cr.tanh(W @ h + x[t])
    return (v @ h) ** 2


def picture(name: str) -> GraphPicture:
    rng = np.random.default_rng(0)
    if name == "neuron":
        return cr.draw_graph(neuron, 0.5, 0.1, -1.0, 2.0, 1.0)
    if name == "regression":
        X, Y = rng.normal(size=(6, 3)), np.eye(2)[[0, 1, 0, 1, 1, 0]]
        return cr.draw_graph(regression, X, Y, rng.normal(size=(3, 2)), np.zeros(2), wrt="W, b")
    if name == "unrolled":
        return cr.draw_graph(
            unrolled, rng.normal(size=(60, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)
        )
    layer = cr.nn.TransformerEncoderLayer(8, 2, dropout=0.0, key=cr.random.key(0))
    return cr.draw_graph(lambda layer, x: (layer(x) ** 2).mean(), layer, rng.normal(size=(1, 4, 8)))


NAMES = ("neuron", "regression", "unrolled", "transformer")


@pytest.fixture(scope="module", params=NAMES)
def drawn(request: pytest.FixtureRequest) -> GraphPicture:
    return picture(request.param)


# -- layout ----------------------------------------------------------------------------------------


@st.composite
def shapes(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    count = draw(st.integers(1, 25))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges = [(min(p), max(p)) for p in draw(st.lists(pairs, max_size=50)) if p[0] != p[1]]
    sizes = draw(
        st.lists(st.tuples(st.floats(30, 250), st.floats(30, 90)), min_size=count, max_size=count)
    )
    return sizes, edges


@settings(max_examples=80)
@given(shapes())
def test_boxes_do_not_overlap_and_edges_meet_their_boxes_alone(
    shape: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    sizes, edges = shape
    drawing = place(layered(len(sizes), edges), sizes, edges, [0.0] * len(edges))
    boxes = drawing.places
    for (w, h), box in zip(sizes, boxes, strict=True):
        assert box.width >= w - 1e-9
        assert box.height >= h - 1e-9
        assert box.x >= -1e-9
        assert box.y >= -1e-9
        assert box.x + box.width <= drawing.width + 1e-6
        assert box.y + box.height <= drawing.height + 1e-6
    for a, b in combinations(boxes, 2):
        apart_x = a.x + a.width < b.x or b.x + b.width < a.x
        apart_y = a.y + a.height < b.y or b.y + b.height < a.y
        assert apart_x or apart_y
    for (source, target), curve in zip(edges, drawing.curves, strict=True):
        ends = ((source, curve.points[0], True), (target, curve.points[-1], False))
        for end, (x, y), leaves in ends:
            at = boxes[end]
            if drawing.down:
                assert y == pytest.approx(at.y + at.height if leaves else at.y)
                assert at.x <= x <= at.x + at.width
            else:
                assert x == pytest.approx(at.x + at.width if leaves else at.x)
                assert at.y <= y <= at.y + at.height
        for x, y in along(curve.points, drawing.down):
            for k, at in enumerate(boxes):
                inside = at.x + 0.5 < x < at.x + at.width - 0.5
                inside = inside and at.y + 0.5 < y < at.y + at.height - 0.5
                assert not inside, f"the edge from {source} to {target} runs through {k}"


def along(points: Sequence[tuple[float, float]], down: bool) -> Iterator[tuple[float, float]]:
    """Points on the curve as it is drawn: straight lines and cubic bends in turn."""
    for k, ((x, y), (u, v)) in enumerate(pairwise(points)):
        for t in np.linspace(0, 1, 9):
            ease = t if k % 2 == 0 else 3 * t**2 * (1 - t) + t**3
            even = t if k % 2 == 0 else 1.5 * t * (1 - t) ** 2 + 1.5 * t**2 * (1 - t) + t**3
            if down:
                yield x + ease * (u - x), y + even * (v - y)
            else:
                yield x + even * (u - x), y + ease * (v - y)


def test_crossings_are_counted_and_avoided() -> None:
    assert crossings([[0, 1], [2, 3]], [[3], [2], [], []]) == 1
    edges = [(0, 4), (1, 5), (2, 6), (3, 7), (4, 8), (5, 8), (6, 9), (7, 9), (8, 10), (9, 10)]
    layers = layered(11, edges)
    after: list[list[int]] = [[] for _ in layers.rank]
    for a, b in layers.links:
        after[a].append(b)
    assert crossings(layers.order, after) == 0


# -- the picture -----------------------------------------------------------------------------------


def test_svg_is_well_formed_and_says_what_it_shows(drawn: GraphPicture) -> None:
    root = ET.fromstring(drawn.svg())
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == drawn.title
    assert root.findtext(f"{SVG}desc") == drawn.alt
    assert "prefers-color-scheme: dark" in root.findtext(f"{SVG}style", "")
    assert "http" not in drawn.svg().replace("http://www.w3.org/2000/svg", "")


def test_text_stays_within_its_box(drawn: GraphPicture) -> None:
    canvas = drawn._canvas
    for view, at in zip(canvas.scene.boxes, canvas.drawing.places, strict=True):
        assert width(view.title, 13) <= at.width - 16
        for said in (*view.value, *view.cotangent):
            assert width(f"→ {said.text}", 11.5) <= at.width - 16


def test_estimated_widths_are_at_least_those_of_a_wide_font() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    font = FT2Font(findfont(FontProperties(family="DejaVu Sans")))  # wider than Arial or Helvetica
    font.set_size(13, 72)
    texts = [said.text for name in NAMES for v in picture(name)._canvas.scene.boxes for said in
             (*v.value, *v.cotangent)]  # fmt: skip
    texts += [view.title for name in NAMES for view in picture(name)._canvas.scene.boxes]
    for text in texts:
        font.set_text(text, 0.0)
        real = font.get_width_height()[0] / 64
        assert real <= width(text, 13) + 1, text


def test_the_same_run_gives_the_same_picture() -> None:
    assert picture("unrolled").svg() == picture("unrolled").svg()
    assert picture("unrolled").html() == picture("unrolled").html()


def test_values_stand_above_the_name_and_cotangents_below() -> None:
    root = ET.fromstring(picture("neuron").svg())
    places = {}
    for kind in ("value", "cotangent"):
        for group in root.iter(f"{SVG}g"):
            text = group.find(f"{SVG}text")
            if group.get("class") == kind and text is not None:
                places[text.text] = float(text.get("y", 0))
    names = {t.text: float(t.get("y", 0)) for t in root.iter(f"{SVG}text")}
    assert places["↓ 1.1"] < names["z₁ = v₁ + b₁"] < places["↑ ∂L/∂z₁ = 1.293"]
    assert "1 − a₁² = 0.3592" in names, "the local derivative of tanh, on its edge"


def test_gradients_are_those_of_the_engine() -> None:
    point = (0.5, 0.1, -1.0, 2.0, 1.0)
    svg = picture("neuron").svg()
    slopes = cr.grad(neuron, argnums=(0, 1, 2, 3, 4))(*point)
    for name, slope in zip(("w₁", "b₁", "w₂", "x", "y"), slopes, strict=True):
        assert f"∂L/∂{name} = {number(float(slope))}" in svg


def test_roles_look_different() -> None:
    regressed = picture("regression").svg()
    assert regressed.count('class="parameter"') == 3  # two, and one in the key
    assert regressed.count('class="data"') == 3
    assert regressed.count('class="output"') == 2
    assert "stroke-dasharray" in STYLE
    assert 'class="rim"' in regressed


def contrast(a: str, b: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_can_be_read_on_light_and_dark() -> None:
    def colour(style: str, rule: str) -> str:
        found = re.search(re.escape(rule) + r"[^{]*\{[^}]*fill: (#\w{6})", style)
        assert found is not None, rule
        return found[1]

    light, dark = STYLE.split("@media")
    for style in (light, dark):
        for kind in ("value", "cotangent"):
            text, ground = (colour(style, f".crg .{kind} {part}") for part in ("text", "rect"))
            assert contrast(text, ground) >= 4.5  # WCAG 2.2, 1.4.3
        assert contrast(colour(style, ".crg text"), colour(style, ".crg .body")) >= 7


# -- steps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["neuron", "regression"])
def test_there_is_a_frame_for_each_node_and_each_reverse_step(name: str) -> None:
    found = picture(name)
    count = len(found.recording.vertices) + len(found.recording.steps)
    assert len(found.frames()) == count
    assert len(list(found.frames())) == count


def test_values_appear_when_they_are_computed_and_stay() -> None:
    found = picture("neuron")
    frames = found.frames()
    texts = [{t.text for t in ET.fromstring(f).iter(f"{SVG}text")} for f in frames]
    computed = [f"↓ {number(v.node.value)}" for v in found._graph.vertices]
    for index, value in enumerate(computed):
        if computed.count(value) == 1:
            assert [value in text for text in texts] == [k >= index for k in range(len(texts))]
    nodes = len(computed)
    assert not any("∂" in (text or "") for frame in texts[:nodes] for text in frame - {None}
                   if (text or "").startswith("↑ ∂"))  # fmt: skip
    assert "↑ ∂L/∂L = 1" in texts[nodes]
    assert "↑ ∂L/∂x = 0.6467" not in texts[-2] and "↑ ∂L/∂x = 0.6467" in texts[-1]


def test_several_contributions_add_up_in_the_frames() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        y = cr.sin(x) + x**2
        return y  # noqa: RET504

    frames = list(cr.draw_graph(f, 2.0).frames())
    said = [found[1] for found in (re.search(r"← (∂y/∂x = [^<]*)<", f) for f in frames) if found]
    assert said == ["∂y/∂x = 4 + …", "∂y/∂x = 3.584"]
    assert "so far" in frames[-2]
    assert "now ∂y/∂x = 3.584" in frames[-1]


def test_a_node_used_twice_by_the_same_one_has_two_edges() -> None:
    assert len(cr.draw_graph(lambda x: x * x, 3.0)._canvas.scene.edges) == 2


def test_the_whole_derivative_is_told_from_that_of_the_last_step() -> None:
    def f(w, x):  # type: ignore[no-untyped-def]
        z = w * x
        L = z * x
        return L  # noqa: RET504

    frames = list(cr.draw_graph(f, 2.0, 3.0).frames())
    assert any("∂L/∂L · ∂L/∂x = 1 · 6 = 6; so far dL/dx = 6 + …" in frame for frame in frames)
    assert "dL/dx = 12" in frames[-1]
    assert "∂L/∂w = 9" in frames[-1]


def test_frames_can_be_sliced() -> None:
    frames = picture("neuron").frames()
    assert frames[-1] == frames[len(frames) - 1]
    assert frames[2:4] == [frames[2], frames[3]]
    with pytest.raises(IndexError):
        frames[len(frames)]


def test_frames_of_folded_graphs_know_each_cotangent_before_it_is_passed_on() -> None:
    scene = picture("transformer")._canvas.scene
    for edge in scene.edges:
        if edge.event is not None and scene.boxes[edge.target].cotangent:
            assert scene.boxes[edge.target].cotangent[-1].start <= edge.event


# -- page, files -----------------------------------------------------------------------------------


def test_the_page_needs_no_network(drawn: GraphPicture) -> None:
    page = drawn.html()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<(link|img|iframe)|src=|@import|url\(", page)
    assert "prefers-reduced-motion" in page
    assert "ArrowRight" in page
    assert len(page) < BUDGET + 200_000
    events = re.search(r'id="events">(.*?)</script>', page, re.DOTALL)
    assert events is not None
    assert events[1].count('", "') + 1 >= len(drawn.frames()) > 1


def test_folded_boxes_open_in_the_page() -> None:
    page = picture("unrolled").html()
    named = set(re.findall(r'data-open="(\d+)"', page))
    kept = set(re.findall(r'<template id="in-(\d+)"', page))
    assert named == kept != set()
    for template in re.findall(
        r'<div class="view">(<svg.*?</svg>)\s*</div></template>', page, re.S
    ):
        ET.fromstring(template)


def test_a_page_says_what_stays_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.explaining.graph.drawing.page.BUDGET", 1000)
    assert "stay folded" in picture("unrolled").html()


def test_saving_goes_by_the_end_of_the_name(tmp_path: Path) -> None:
    found = picture("neuron")
    assert found.save(tmp_path / "graph.svg").read_text() == found.svg()
    assert found.save(str(tmp_path / "graph.HTML")).read_text() == found.html()
    assert list(tmp_path.glob("*.part")) == []
    for path in (tmp_path / "graph.png", tmp_path / "graph", "", None):
        with pytest.raises(cr.ChainRuleError, match=r"\.svg or \.html"):
            found.save(path)  # type: ignore[arg-type]
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        found.save(tmp_path / "file" / "graph.svg")


def test_notebooks_show_the_page_in_a_frame() -> None:
    found = picture("neuron")
    assert found._repr_svg_() == found.svg()
    assert found._repr_html_().startswith("<iframe title=")
    assert "&lt;!DOCTYPE html&gt;" in found._repr_html_()


# -- what can be drawn -----------------------------------------------------------------------------


def test_formulas_as_text_with_definitions() -> None:
    found = cr.draw_graph("z = w x, L = (z - y)^2", at={"w": 0.5, "x": 2, "y": 3}, wrt="w")
    assert found.recording.output.name == "L"
    assert "∂L/∂w = −8" in found.svg()
    assert "∂L/∂x" not in found.svg()


def test_functions_that_decide_by_values_say_so() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        return x**2 if x > 0 else -x

    assert "decides by values" in cr.draw_graph(f, 2.0).alt
    assert "decides by values" in cr.draw_graph(f, 2.0).html()


@pytest.mark.parametrize(
    ("f", "args", "options", "message"),
    [
        (lambda x: x * np.ones(3), (2.0,), {}, "give its cotangent as seed="),
        (lambda x: x, (np.arange(3),), {}, "float"),
        (lambda x: x, ("text",), {}, "float"),
        (lambda x: x**2, (2.0,), {"wrt": "q"}, "no argument 'q'"),
        (lambda x: x**2, (2.0,), {"limit": 3}, "at least 10 boxes"),
        (lambda x: x**2, (2.0,), {"at": 2.0}, "give the point once"),
        ("x^2 +", (2.0,), {}, r"\^"),
        ("x^2", (), {}, "1 values are needed"),
        (3.0, (), {}, "not float"),
    ],
)
def test_what_cannot_be_drawn_is_refused(f, args, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(cr.ChainRuleError, match=message):
        cr.draw_graph(f, *args, **options)


def test_a_seed_makes_a_result_that_is_no_scalar_drawable() -> None:
    seed = np.array([1.0, 0.0, 2.0])
    found = cr.draw_graph(lambda x: x * np.array([1.0, 2.0, 3.0]), 2.0, seed=seed)
    assert "∂f/∂x = 7" in found.svg()


def test_results_with_several_arrays_inside_are_drawn() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        last, _ = cr.scan(lambda h, t: (cr.tanh(h * x), h), x, length=5)
        return last

    found = cr.draw_graph(f, 0.5)
    ET.fromstring(found.svg())
    slope = float(cr.grad(f)(0.5))
    assert f"∂last/∂x = {number(slope)}" in found.svg()


def test_values_that_are_not_finite_are_shown() -> None:
    assert "nan" in cr.draw_graph(lambda x: cr.log(x) * 2, -1.0).svg()
    assert summary(np.array([np.inf, 1.0])) == "[2] norm ∞"


def test_large_graphs_are_drawn_with_few_boxes() -> None:
    rng = np.random.default_rng(1)
    picks = rng.integers(1, 20, size=(400, 2))

    def tangled(x):  # type: ignore[no-untyped-def]
        values = [x]
        for k, (a, b) in enumerate(picks):
            operation = (cr.sin, cr.tanh, cr.cos)[k % 3]
            values.append(operation(values[-min(a, k + 1)] + values[-min(b, k + 1)]))
        return values[-1]

    found = cr.draw_graph(tangled, 0.3)
    assert len(found.boxes) <= 60 < len(found.recording.vertices)
    ET.fromstring(found.svg())
    assert len(cr.draw_graph(tangled, 0.3, limit=150).boxes) <= 150


# -- formulas --------------------------------------------------------------------------------------

ARRAYS = {
    "X": np.arange(6.0).reshape(2, 3),
    "Y": np.arange(12.0).reshape(3, 4) - 5,
    "S": np.arange(9.0).reshape(3, 3) - 2,
    "u": np.array([1.0, -2.0, 0.5]),
    "w": np.array([2.0, 3.0, -1.0]),
}


@pytest.mark.parametrize(
    ("f", "written"),
    [
        (lambda X, Y, S, u, w: X @ Y, "X Y"),
        (lambda X, Y, S, u, w: Y.T @ S, "Yᵀ S"),
        (lambda X, Y, S, u, w: X @ S.T, "X Sᵀ"),
        (lambda X, Y, S, u, w: cr.einsum("ji,jk->ik", S, Y), "Sᵀ Y"),
        (lambda X, Y, S, u, w: cr.einsum("ij,kj->ik", X, S), "X Sᵀ"),
        (lambda X, Y, S, u, w: cr.einsum("ij,kj->ki", X, S), "S Xᵀ"),
        (lambda X, Y, S, u, w: S @ u, "S u"),
        (lambda X, Y, S, u, w: u @ S, "uᵀ S"),
        (lambda X, Y, S, u, w: u @ w, "uᵀ w"),
        (lambda X, Y, S, u, w: cr.outer(u, w), "(u as 3×1) ⊙ w"),
        (lambda X, Y, S, u, w: cr.einsum("i,j->ij", u, w), "u wᵀ"),
        (lambda X, Y, S, u, w: cr.einsum("ij,ij->", S, S), "einsum(S, S)"),
        (lambda X, Y, S, u, w: u * w, "u ⊙ w"),
        (lambda X, Y, S, u, w: -(u - w) / 2, None),
        (lambda X, Y, S, u, w: u - (w - 1), None),
        (lambda X, Y, S, u, w: (u + w) ** 2 * 3, None),
        (lambda X, Y, S, u, w: S[1, 0:2], "S[1, 0:2]"),
    ],
)
def test_formulas_say_what_is_computed(f, written) -> None:  # type: ignore[no-untyped-def]
    found = cr.draw_graph(f, *ARRAYS.values(), seed=np.ones_like(f(*ARRAYS.values())))
    graph = found._graph
    inputs = {vertex.node for vertex in found.recording.inputs}
    text = formula(found.recording.output.node, graph.names, set(graph.names) - inputs)
    if written is not None:
        assert text == written
    if "einsum" not in text:
        assert np.allclose(evaluated(text), found.recording.output.node.value), text


def test_a_change_of_shape_alone_is_said() -> None:
    found = cr.draw_graph(lambda x: x.reshape(3, 1).sum(), np.ones(3))
    assert "v₁ = (x as 3×1)" in found.svg() or "v₁ = x as 3×1" in found.svg()
    found = cr.draw_graph(lambda x: (x[None, :] * np.eye(3)).sum(), np.ones(3))
    assert "= x as 1×3" in found.svg()


def evaluated(text: str) -> np.ndarray:
    """What a formula of arrays says, read as people read it."""
    text = text.replace("−", "-").replace("⊙", "*").replace("²", "**2").replace("ᵀ", ".T")
    text = re.sub(r"(?<=[\w)]) (?=[XYSu(w])", " @ ", text)
    text = re.sub(r"(\d) @ ", r"\1 * ", text).replace("· ", "* ")
    text = text.replace("(u as 3×1)", "u[:, None]")
    text = re.sub(r"\bu.T @ S", "S.T @ u", text).replace("u @ w.T", "np.outer(u, w)")
    return np.asarray(eval(text, {"np": np, **ARRAYS}))


def test_every_edge_of_the_graph_is_drawn(drawn: GraphPicture) -> None:
    owner = owners(drawn.boxes)
    items = drawn._graph.items
    expected = {
        (owner[source], owner[k])
        for k, item in enumerate(items)
        for source in item.sources
        if owner[source] != owner[k]
    }
    shown = [(edge.source, edge.target) for edge in drawn._canvas.scene.edges]
    assert set(shown) == expected
    assert all(source < target for source, target in shown)
