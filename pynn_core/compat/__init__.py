"""A second front end to the same objects: the names and signatures of PyNN 0.6 and 0.7.

Every old form works and gives a PyNNDeprecationWarning that shows the modern line. Nothing below the facade knows of
it: `Script` of this package, which the backends' modules use, composes the common layer's classes with the old names.
"""

from pyNN.compat.attach import attach
from pyNN.compat.models import SynapseDynamics, TsodyksMarkramMechanism
from pyNN.compat.scripting import Script
from pyNN.compat.table import TABLE

__all__ = ["TABLE", "Script", "SynapseDynamics", "TsodyksMarkramMechanism", "attach"]
