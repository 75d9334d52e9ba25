"""Ways to a derivative, side by side: `compare_methods`.

* `problem`: the function as a map of flat arrays, with its calls counted.
* `measure`: time and memory.
* `differences`: error against step size.
* `swell`: sizes of formulas and graphs.
* `ways`: each way, measured.
* `verdict`: which is right for the shape at hand.
* `comparison`: the result and its forms.
"""

from chainrule.explaining.methods.comparison import MethodComparison, compare_methods
from chainrule.explaining.methods.differences import Scheme, StepSizes
from chainrule.explaining.methods.swell import Swell
from chainrule.explaining.methods.ways import Method

__all__ = ["Method", "MethodComparison", "Scheme", "StepSizes", "Swell", "compare_methods"]
