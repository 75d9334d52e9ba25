"""chainrule: calculus for deep learning."""

from chainrule._version import __version__
from chainrule.calculus import directional_derivative, grad, jvp, value_and_grad, vjp
from chainrule.tensor import Tensor, no_grad, tensor
