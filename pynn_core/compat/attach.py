"""Where the old forms are hooked in: constructors and methods that take arguments of PyNN 0.6 besides the modern ones.

The classes stay the same objects, so what ``from pyNN.random import RandomDistribution`` gives understands old forms
too. A call in modern form passes through unchanged. It is done once, when the first backend's facade is made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pyNN import connectors, models, populations, projections, random
from pyNN.compat import connectors as old_connectors
from pyNN.compat import generators
from pyNN.compat import models as old_models
from pyNN.standardmodels import base, cells, electrodes, synapses

Adapter = Callable[[Any, tuple[Any, ...], dict[str, Any]], generators.Arguments]
_DONE = "_understands_old_forms"

_CONSTRUCTORS: tuple[tuple[type, Adapter], ...] = (
    (random.NumpyRNG, generators.numpy_rng),
    (random.GSLRNG, generators.gsl_rng),
    (random.RandomDistribution, generators.random_distribution),
    (models.BaseCellType, old_models.cell_type),
    *((getattr(connectors, name), old_connectors.connector) for name in old_connectors.FIRST_OLD_SLOT),
    (connectors.FromListConnector, old_connectors.from_list),
    (connectors.FromFileConnector, old_connectors.from_file),
    *((getattr(electrodes, name), old_models.current_source) for name in old_models.CURRENT_SOURCES),
)
_WEIGHT_DEPENDENCES = (
    "AdditiveWeightDependence",
    "MultiplicativeWeightDependence",
    "AdditivePotentiationMultiplicativeDepression",
    "GutigWeightDependence",
)


_DESCRIBED: tuple[type, ...] = (
    populations.Population,
    populations.PopulationView,
    populations.Assembly,
    projections.Projection,
    models.BaseModelType,
    synapses.STDPMechanism,
    connectors.Connector,
)


def attach() -> None:
    """Let the classes of the package understand PyNN 0.6; calling it again changes nothing."""
    if _DONE in models.BaseModelType.__dict__:
        return
    setattr(models.BaseModelType, _DONE, True)
    for cls, adapter in (*_CONSTRUCTORS, *_synapse_constructors()):
        _adapt_constructor(cls, adapter)
    _adapt(connectors.FromListConnector, "connections", old_connectors.connect_list)
    _adapt(connectors.FromFileConnector, "connections", old_connectors.connect_file)
    _adapt(electrodes.NoisyCurrentSource, "_inject", old_models.inject_noise)
    _adapt(random.RandomDistribution, "draw", generators.bounded_draw)
    _adapt_any(random.RandomDistribution, "next", generators.bounded_next)
    for generator in (random.WrappedRNG, random.NativeRNG):
        _adapt_any(generator, "next", _next)
    for described in _DESCRIBED:
        if "describe" in vars(described):
            _adapt_any(described, "describe", old_models.described)
    models.BaseCellType.synapse_types = old_models.ReceptorTypes()  # type: ignore[attr-defined]
    for value in vars(cells).values():
        if isinstance(value, type) and issubclass(value, base.StandardCellType):
            value.default_parameters = old_models.Defaults(value.default_parameters, value.definition)


def _synapse_constructors() -> list[tuple[type, Adapter]]:
    found: list[tuple[type, Adapter]] = [
        (getattr(synapses, name), old_models.weight_dependence) for name in _WEIGHT_DEPENDENCES
    ]
    return [*found, (synapses.STDPMechanism, old_models.stdp_mechanism)]


def _adapt_constructor(cls: Any, adapter: Adapter) -> None:
    original = cls.__init__

    @functools.wraps(original)
    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        arguments, named, remembered = adapter(self, arguments, named)
        original(self, *arguments, **named)
        for name, value in remembered.items():
            # Current sources take an ordinary assignment for one of their parameters.
            object.__setattr__(self, name, value)

    cls.__init__ = __init__


def _adapt(cls: type, name: str, around: Callable[..., Any]) -> None:
    """`around` is called with the original method in front of its arguments."""
    original = getattr(cls, name)

    @functools.wraps(original)
    def method(self: Any, *arguments: Any) -> Any:
        return around(original, self, *arguments)

    setattr(cls, name, method)


def _adapt_any(cls: type, name: str, around: Callable[..., Any]) -> None:
    """As `_adapt`; `around` gets the arguments as a tuple and a dictionary."""
    original = getattr(cls, name)

    @functools.wraps(original)
    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        return around(original, self, arguments, named)

    setattr(cls, name, method)


def _next(original: Any, generator: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    modern, modern_named = generators.next_arguments(arguments, named)
    return generators.next_result(original(generator, *modern, **modern_named), arguments, named)
