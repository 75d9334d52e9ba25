"""Pictures of computational graphs.

* `collapse`, `repeats`: which nodes one box holds, so that large graphs stay readable.
* `layout`, `placing`: layers, orders, coordinates, curves.
* `writing`: formulas and values as short texts.
* `scene`: what is shown, and when it is known.
* `svg`, `page`: the scene as SVG, and as a page to step through.
* `picture`: `draw_graph`.
"""

from chainrule.explaining.graph.drawing.picture import Frames, GraphPicture, draw_graph

__all__ = ["Frames", "GraphPicture", "draw_graph"]
