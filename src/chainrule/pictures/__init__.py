"""Pictures of the calculus of a function, through matplotlib (the extra [explain]).

Each is a `Picture`: a figure, a text that says what is in it, and SVG, PNG and HTML to keep it in.
A function is a formula as text or a Python function; where it has no value there is a gap.

* `tangent`: secants that close in on the tangent.
* `taylor`: Taylor polynomials fanning out.
* `contour`: level curves with the gradients at right angles.
* `directions`: the slope in every direction, steepest along the gradient.
* `tangent_plane`: a surface and its tangent plane.
* `step_sizes`: the error of differences against the step size.
"""

from typing import TYPE_CHECKING

from chainrule.core.later import later

if TYPE_CHECKING:
    from chainrule.pictures.curves import tangent, taylor
    from chainrule.pictures.figure import Picture
    from chainrule.pictures.plane import contour
    from chainrule.pictures.slopes import directions
    from chainrule.pictures.steps import step_sizes
    from chainrule.pictures.surface import tangent_plane

__all__ = [
    "Picture",
    "contour",
    "directions",
    "step_sizes",
    "tangent",
    "tangent_plane",
    "taylor",
]

later(
    __name__,
    {
        "curves": ("tangent", "taylor"),
        "figure": ("Picture",),
        "plane": ("contour",),
        "slopes": ("directions",),
        "steps": ("step_sizes",),
        "surface": ("tangent_plane",),
    },
)
