"""Write a spiking network once, run it anywhere.

``import pyNN.reference as sim`` gives the built-in simulator, ``import pyNN.nest as sim`` the NEST adapter,
``import pyNN.mock as sim`` a dry run. A third-party backend that is registered under the entry-point group
``pyNN.backends`` imports the same way.
"""

import pkgutil

from pyNN import installation, plugins

# What `from pyNN import *` imports; not the adapters to simulators that may not be installed.
__all__ = [
    "common",
    "core",
    "descriptions",
    "errors",
    "mock",
    "models",
    "morphology",
    "multisim",
    "network",
    "parameters",
    "random",
    "recording",
    "reference",
    "serialization",
    "space",
    "standardmodels",
    "utility",
]
__version__ = "0.1.0"
__distribution__ = "pynn-core"

__path__ = pkgutil.extend_path(__path__, __name__)

installation.verify(__path__[0], __distribution__)
plugins.install()
