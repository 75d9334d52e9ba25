"""What is drawn, measured on the figures themselves; and the forms in which pictures are kept."""

import io
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule import pictures
from chainrule.core.errors import ArgumentError, MissingExtraError

PIL = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")

EACH = {
    "tangent": lambda: pictures.tangent("x^2", 1.0),
    "taylor": lambda: pictures.taylor("sin x", 0.0, 3),
    "contour": lambda: pictures.contour("x y", (1.0, 2.0)),
    "directions": lambda: pictures.directions("x y", (1.0, 2.0), (1.0, 1.0)),
    "tangent_plane": lambda: pictures.tangent_plane("x y", (1.0, 2.0)),
    "step_sizes": lambda: pictures.step_sizes("sin(x^2)", 1.0),
}


@pytest.fixture(scope="module")
def drawn():
    return {name: draw() for name, draw in EACH.items()}


def lines(picture, index=0):
    return {line.get_label(): line for line in picture.figure.axes[index].lines}


def slope_of(line):
    x, y = line.get_data()
    return (y[-1] - y[0]) / (x[-1] - x[0])


# -- curves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "f", "slope", "x0"),
    [
        ("x^2", np.square, 2.0, 1.0),
        ("log x", np.log, 2.0, 0.5),
        ("1/x", np.reciprocal, -1.0, -1.0),
        ("sin(20x)", lambda x: np.sin(20 * x), 20.0, 0.0),
    ],
)
def test_secants_are_secants_and_close_in(text, f, slope, x0):
    picture = pictures.tangent(text, x0)
    found = lines(picture)
    steps = picture.data["steps"]
    assert len(steps) == 4
    assert np.all(np.diff(np.abs(steps)) < 0)
    secants = [slope_of(line) for name, line in found.items() if name.startswith("secant")]
    wanted = [(f(np.float64(x0 + h)) - f(np.float64(x0))) / h for h in steps]
    np.testing.assert_allclose(secants, wanted, rtol=1e-9)
    (tangent,) = [line for name, line in found.items() if name.startswith("tangent")]
    assert slope_of(tangent) == pytest.approx(slope)
    assert abs(secants[-1] - slope) < 0.25 * max(1, abs(secants[0] - slope))
    for number in (*secants, slope):
        assert f"{number:.5g}" in picture.alt
    curve = found[f"f(x) = {text}"]
    x, y = curve.get_data()
    inside = np.isfinite(y)
    np.testing.assert_allclose(y[inside], f(x[inside]), atol=1e-12)


def test_where_the_right_side_has_no_values_secants_come_from_the_left():
    picture = pictures.tangent("sqrt(1 - x)", 0.9)
    assert all(h < 0 for h in picture.data["steps"])
    _, y = lines(picture)["f(x) = sqrt(1 - x)"].get_data()
    assert np.isnan(y[-1]) and np.isfinite(y[0])


def test_taylor_polynomials_are_the_right_ones():
    picture = pictures.taylor("e^x", 0.5, (1, 2, 4))
    for order in (1, 2, 4):
        x, y = lines(picture)[f"order {order}"].get_data()
        terms = [np.exp(0.5) / cr.exp(cr.lgamma(k + 1.0)).item() for k in range(order + 1)]
        np.testing.assert_allclose(y, np.polynomial.polynomial.polyval(x - 0.5, terms), rtol=1e-9)
    reach = picture.data["reach"]
    widths = [high - low for low, high in reach]
    assert widths == sorted(widths)
    low, high = picture.figure.axes[0].get_ylim()
    assert low > -10 and high < 60


def test_equal_polynomials_are_drawn_once():
    assert pictures.taylor("cos x", 0, 6).data["orders"] == [1, 2, 4, 6]
    assert pictures.taylor("x^2", 1, 5).data["orders"] == [1, 2]


@pytest.mark.parametrize("orders", [0, -1, (), (1.5,), "3", (1, 100)])
def test_orders_that_are_none(orders):
    with pytest.raises(ArgumentError, match="orders is the highest order"):
        pictures.taylor("e^x", 0, orders)


def test_too_many_polynomials():
    with pytest.raises(ArgumentError, match="cannot be told apart"):
        pictures.taylor("e^x", 0, 9)


# -- the plane -------------------------------------------------------------------------------------


def arrows(axes):
    """Start and direction of the arrows."""
    found = [a for a in axes.texts if getattr(a, "arrow_patch", None) is not None]
    return [(np.array(a.xyann), np.array(a.xy) - np.array(a.xyann)) for a in found]


@pytest.mark.parametrize(
    ("f", "at"),
    [
        ("x^2 + 2y^2", (1, 0.5)),
        ("sin x cos y + x/2", (0.5, 0.5)),
        ("log(x y)", (1, 1.5)),
        (lambda p: cr.exp(-(p**2).sum()), np.array([0.6, 0.3])),
    ],
)
def test_gradients_stand_on_the_level_curve_that_is_drawn(f, at):
    picture = pictures.contour(f, at)
    axes = picture.figure.axes[0]
    (level,) = [c for c in axes.collections if c.get_gid() == "level"]
    vertices = np.concatenate([path.vertices for path in level.get_paths()])
    vertices = np.unique(vertices, axis=0)
    found = arrows(axes)
    assert len(found) == len(picture.data["points"]) >= 2
    for start, direction in found:
        near = vertices[np.argsort(np.hypot(*(vertices - start).T))[:2]]
        assert np.hypot(*(near[0] - start)) < 0.05
        chord = near[1] - near[0]
        cosine = chord @ direction / (np.linalg.norm(chord) * np.linalg.norm(direction))
        assert abs(cosine) < 0.06  # chords of a grid of 160 cells
    np.testing.assert_allclose(picture.data["angles"], 90, atol=0.05)


def test_angles_are_measured_not_asserted(monkeypatch):
    """With a wrong gradient the measured angle is not 90°."""
    from chainrule.pictures import plane

    right = plane._slope
    monkeypatch.setattr(plane, "_slope", lambda *a: right(*a) + np.array([0.5, 0.0]))
    angles = pictures.contour("x^2 + 2y^2", (1, 0.5)).data["angles"]
    assert all(abs(angle - 90) > 1 for angle in angles)


def test_points_that_were_asked_for_and_critical_points():
    picture = pictures.contour("x^2 - y^2", (0.0, 0.0), also=[(1.0, 0.5)])
    assert picture.data["points"] == [(1.0, 0.5)]
    assert np.all(picture.data["gradient"] == 0)
    assert any("∇f = 0" in text.get_text() for text in picture.figure.axes[0].texts)
    flat = pictures.contour("0 x y + 3", (1.0, 1.0))
    assert flat.data["angles"] == []
    assert "No level curve passes there" in flat.alt
    with pytest.raises(ArgumentError, match="list of points"):
        pictures.contour("x y", (1, 2), also=3)


def test_no_arrows_where_there_is_no_value():
    axes = pictures.contour("log(x y)", (1, 1)).figure.axes[0]
    (field,) = [c for c in axes.collections if type(c).__name__ == "Quiver"]
    outside = field.X * field.Y < 0
    assert outside.any()
    np.testing.assert_array_equal(np.broadcast_to(field.Umask, outside.shape), outside)


@pytest.mark.parametrize(("f", "at"), [("x y", (1, 2)), ("x^2 - 3y", (-1, 0)), ("e^(x-y)", (0, 1))])
def test_the_gradient_is_the_steepest_direction(f, at):
    picture = pictures.directions(f, at, (1.0, -1.0))
    curve = lines(picture, 1)["∇f · v"].get_data()
    steepest = curve[0][np.argmax(curve[1])]
    gap = (steepest - picture.data["steepest"] + 180) % 360 - 180
    assert abs(gap) <= 1
    assert curve[1].max() == pytest.approx(picture.data["largest"], rel=1e-3)
    angles, slopes = picture.data["measured"]  # by differences, without any gradient
    gradient = picture.data["gradient"]
    radians = np.radians(angles)
    np.testing.assert_allclose(
        slopes, gradient[0] * np.cos(radians) + gradient[1] * np.sin(radians), atol=1e-8
    )
    assert picture.data["slope"] == pytest.approx((gradient[0] - gradient[1]) / np.sqrt(2))


@pytest.mark.parametrize("direction", [(0, 0), (1,), "up", 3, (1, np.nan)])
def test_directions_that_are_none(direction):
    with pytest.raises(ArgumentError, match="a vector of two numbers"):
        pictures.directions("x y", (1, 2), direction)


def test_the_plane_touches_the_surface():
    picture = pictures.tangent_plane("x^2 + y^2", (1.0, 0.5))
    (patches,) = picture.figure.axes[0].collections
    (x, y, z), (u, v, w) = picture.data["surface"], picture.data["plane"]
    assert len(patches.get_facecolor()) == (x.shape[0] - 1) ** 2 + (u.shape[0] - 1) ** 2
    np.testing.assert_allclose(z, x**2 + y**2)
    np.testing.assert_allclose(w, 1.25 + 2 * (u - 1) + (v - 0.5), atol=1e-12)
    assert np.all(w <= u**2 + v**2 + 1e-12)  # convex: it touches from below
    assert np.sum(np.isclose(w, u**2 + v**2)) == 1


@pytest.mark.parametrize(
    ("f", "at", "equation"),
    [
        ("x y", (0, 0), "z = 0"),
        ("2x - y", (0, 0), "z = 2x - y"),
        ("x^2 + y", (-1, 1), "z = 2 - 2(x + 1) + (y - 1)"),
        ("7 + 0 x y", (3, 1), "z = 7"),
    ],
)
def test_equations_of_planes(f, at, equation):
    assert pictures.tangent_plane(f, at).data["equation"] == equation


# -- step sizes ------------------------------------------------------------------------------------


def test_the_curve_is_what_was_measured(drawn):
    picture = drawn["step_sizes"]
    steps = picture.data["steps"]
    for scheme in (steps.forward, steps.central):
        (line,) = [v for k, v in lines(picture).items() if k.startswith(scheme.name)]
        x, y = line.get_data()
        np.testing.assert_array_equal(x, steps.steps)
        np.testing.assert_array_equal(
            y[scheme.errors > 1e-18], scheme.errors[scheme.errors > 1e-18]
        )
        assert f"{scheme.best:.1e}" in picture.alt


def test_a_comparison_draws_into_axes_that_are_given():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    picture = cr.compare_methods("x^3", 1.0, budget=0.005).plot(ax=axes)
    assert picture.figure is axes.figure
    assert len(axes.lines) > 4


# -- forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EACH)
def test_svg_stands_for_itself(drawn, name):
    picture = drawn[name]
    text = picture.svg()
    root = ElementTree.fromstring(text)
    svg = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{svg}title").text == picture.title
    assert root.find(f"{svg}desc").text == picture.alt
    assert root.get("role") == "img"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for label in root.get("aria-labelledby").split():
        assert label in ids
    used = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert all(link[1:] in ids if link[0] == "#" else link.startswith("data:") for link in used)
    assert "<!DOCTYPE" not in text and "<?xml" not in text and "@import" not in text


@pytest.mark.parametrize("name", ["tangent", "contour", "tangent_plane"])
def test_svg_is_the_same_each_time(drawn, name):
    assert EACH[name]().svg() == drawn[name].svg()


def test_two_pictures_share_no_identifier():
    def ids(picture):
        root = ElementTree.fromstring(picture.svg())
        return {element.get("id") for element in root.iter()} - {None}

    assert not ids(pictures.tangent("x^2", 1)) & ids(pictures.tangent("x^3", 1))


@pytest.mark.parametrize("name", EACH)
def test_png_says_what_is_in_it(drawn, name):
    picture = drawn[name]
    image = PIL.open(io.BytesIO(picture.png()))
    image.load()
    assert image.info["Title"] == picture.title
    assert image.info["Description"] == picture.alt
    assert image.size[0] > 900


def test_html_has_an_alternative(drawn):
    found = drawn["directions"].html()
    assert found.startswith('<img alt="Left, level curves of f(x, y) = x y')
    assert drawn["directions"]._repr_html_() == found
    assert str(drawn["directions"]) == drawn["directions"].alt


def test_saving(drawn, tmp_path):
    picture = drawn["tangent"]
    assert picture.save(tmp_path / "a.svg").read_text(encoding="utf-8") == picture.svg()
    assert picture.save(str(tmp_path / "a.PNG")).read_bytes() == picture.png()
    with pytest.raises(ArgumentError, match=r"saved as \.png or \.svg"):
        picture.save(tmp_path / "a.pdf")


@pytest.mark.parametrize("name", EACH)
def test_without_matplotlib(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'chainrule\[explain\]'"):
        EACH[name]()


def test_nothing_rests_on_colour_alone(drawn):
    for name, picture in drawn.items():
        for axes in picture.figure.axes:
            strokes = [
                (line.get_linestyle(), line._dash_pattern, line.get_marker(), line.get_linewidth())
                for line in axes.lines
                if not line.get_label().startswith("_")
            ]
            assert len(set(map(str, strokes))) == len(strokes), name
