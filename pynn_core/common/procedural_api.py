"""Functions on cells that need no simulation of their own, under the names that PyNN 0.13 has for them."""

from pyNN.populations import Assembly, BasePopulation, IDMixin, initialize
from pyNN.populations import set_parameters as set

__all__ = ["Assembly", "BasePopulation", "IDMixin", "initialize", "set"]
