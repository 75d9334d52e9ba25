"""The computational graph of one run: its nodes by the user's names, with values and cotangents.

* `naming`: what the user's own code calls the results of its lines.
* `formulas`: formulas as text, with definitions on the way.
* `recording`: the run, forward and backward, as data for tables and pictures.
* `network`: which nodes are shown, and the formulas from one to the next.
* `locals`: the local derivative along each edge.
* `table`: values, local derivatives and what arrives at each node, as tables.
* `paths`: the product along each path, and their sum.
* `explain`: all of these as an explanation.
* `drawing`: the graph as a picture.
"""

from typing import TYPE_CHECKING

from chainrule.core.later import later

if TYPE_CHECKING:
    from chainrule.explaining.graph.explain import explain_graph
    from chainrule.explaining.graph.recording import Recording, Vertex, record

__all__ = ["Recording", "Vertex", "explain_graph", "record"]

later(  # derivations of arrays read recordings, and graphs of arrays read derivations
    __name__, {"explain": ("explain_graph",), "recording": ("Recording", "Vertex", "record")}
)
