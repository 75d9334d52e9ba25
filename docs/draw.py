"""Draws the images of pictures.md: python docs/draw.py

They are kept small: 80 dots per inch and 200 colours.
"""

import io
from pathlib import Path

import chainrule as cr
from chainrule import pictures

FOLDER = Path(__file__).parent / "pictures"
IMAGES = {
    "tangent": lambda: pictures.tangent("x^2", 1.0),
    "taylor": lambda: pictures.taylor("sin x", 0.0, 7),
    "contour": lambda: pictures.contour("x^2 + 2y^2", (1.0, 0.5)),
    "directions": lambda: pictures.directions("x y", (1.0, 2.0), (1.0, -1.0)),
    "tangent_plane": lambda: pictures.tangent_plane("sin x cos y", (0.5, 0.5)),
    "step_sizes": lambda: pictures.step_sizes("sin(x^2)", 1.0),
}


def neuron(w1, w2, x, y):  # type: ignore[no-untyped-def]
    z1 = w1 * x
    a1 = cr.tanh(z1)
    z2 = w2 * a1
    L = (z2 - y) ** 2
    return L  # noqa: RET504 - the name of the result


def draw(name: str) -> None:
    """Write one image, with its description inside."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    picture = IMAGES[name]()
    written = io.BytesIO()
    picture.figure.savefig(written, format="png", dpi=80)
    told = PngInfo()
    told.add_itxt("Description", picture.alt)
    small = Image.open(written).convert("RGB").quantize(200)
    small.save(FOLDER / f"{name}.png", optimize=True, pnginfo=told)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for image in IMAGES:
        draw(image)
    cr.draw_graph(neuron, 0.5, -1.0, 2.0, 1.0).save(FOLDER / "graph.svg")
