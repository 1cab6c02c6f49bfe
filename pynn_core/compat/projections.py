"""Projections that understand PyNN 0.6 besides PyNN 0.13."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from pyNN import projections
from pyNN.compat import dialect, models
from pyNN.compat.connectors import dimensions, in_order
from pyNN.compat.table import deprecated, old_keywords, shown_as
from pyNN.connectors import Connector
from pyNN.errors import InvalidModelError, InvalidParameterValueError
from pyNN.models import BaseSynapseType
from pyNN.parallel import together
from pyNN.random import AbstractRNG
from pyNN.recording.files import StandardTextFile
from pyNN.recording.output import replacing

_NAMES = (
    "presynaptic_neurons",
    "postsynaptic_neurons",
    "connector",
    "synapse_type",
    "source",
    "receptor_type",
    "space",
    "label",
    "native",
)
_RENAMED = {
    "presynaptic_population": "presynaptic_neurons",
    "postsynaptic_population": "postsynaptic_neurons",
    "pre": "presynaptic_neurons",
    "post": "postsynaptic_neurons",
}
_OF_BACKENDS = ("presynaptic_population", "postsynaptic_population")
"""Names that the backends of PyNN 0.13 have, where its common class has others: not old."""


class Projection(projections.Projection):
    __doc__ = projections.Projection.__doc__

    @shown_as(projections.Projection.__init__)
    def __init__(self, *arguments: Any, **named: Any) -> None:
        call = _by_name(arguments, named)
        dynamics, rng = call.pop("synapse_dynamics", None), call.pop("rng", None)
        self._synapse_dynamics = dynamics
        call["connector"] = _with_generator(call.get("connector"), rng)
        initial = _take_old_attributes(call, dynamics)
        self._rng = rng
        super().__init__(**call)
        if initial:
            self.initialize(**initial)

    # --- what PyNN 0.6 calls otherwise -----------------------------------------------------------------------------

    @property
    def rng(self) -> Any:
        """The generator that the connector draws with, if any."""
        deprecated("Projection.rng")
        return self._rng if self._rng is not None else getattr(self.connector, "rng", None)

    @property
    def target(self) -> str:
        """The receptor."""
        deprecated("Projection.target")
        return self.receptor_type

    @property
    def synapse_dynamics(self) -> Any:
        """What was given as synapse_dynamics."""
        deprecated("Projection.synapse_dynamics")
        return self._synapse_dynamics

    @property
    def connection_manager(self) -> Iterator[projections.Connection]:
        """The connections, one object each."""
        deprecated("Projection.connection_manager")
        return self.connections

    @property
    def weights(self) -> Any:
        """The weights of all connections."""
        deprecated("Projection.weights")
        return self._values("weight", "list", True)

    # --- changing --------------------------------------------------------------------------------------------------

    def _set_old(self, name: str, value: Any) -> None:
        values = value
        if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1 and dialect.is_old():
            given = np.asarray(value, dtype=float)
            pre, post, _ = self._gathered([], "all")
            if given.shape == (len(pre),):
                values = np.empty(len(pre))
                values[np.lexsort((post, pre))] = given
        self.set(**{name: values})

    def _in_old_order(self, names: list[str], gather: Any) -> tuple[Any, Any, list[Any]]:
        """(pre indices, post indices, columns) by pre, then post cell, as PyNN 0.6 makes connections."""
        pre, post, columns = self._gathered([self._column(name) for name in names], gather)
        order = np.lexsort((post, pre))
        return pre[order], post[order], [np.broadcast_to(column, order.shape)[order] for column in columns]

    @contextmanager
    def _writing(self, gather: bool) -> Iterator[bool]:
        """Whether this rank writes a file; one for all ranks is complete on all when the block is left."""
        comm = self._owner.comm
        with together(comm, f"writing of connections of {self.label}") if gather else nullcontext():
            yield not gather or comm.rank == 0

    def _file_name(self, file: str | os.PathLike[str], gather: bool) -> str:
        """The file of all ranks, or that of this one."""
        comm = self._owner.comm
        return os.fspath(file) if gather or comm.size == 1 else f"{os.fspath(file)}.{comm.rank}"

    def setWeights(self, w: Any) -> None:
        """Set all weights: to a number, to one number a connection, or to an array of shape (pre, post)."""
        deprecated("Projection.setWeights")
        self._set_old("weight", w)

    def setDelays(self, d: Any) -> None:
        """Set all delays (ms): to a number, to one number a connection, or to an array of shape (pre, post)."""
        deprecated("Projection.setDelays")
        self._set_old("delay", d)

    def randomizeWeights(self, rand_distr: Any) -> None:
        """Set the weights to values of a random distribution."""
        deprecated("Projection.randomizeWeights")
        self.set(weight=rand_distr)

    def randomizeDelays(self, rand_distr: Any) -> None:
        """Set the delays to values of a random distribution."""
        deprecated("Projection.randomizeDelays")
        self.set(delay=rand_distr)

    @old_keywords(param="parameter_name")
    def setSynapseDynamics(self, parameter_name: str, value: Any) -> None:
        """Set a parameter of the synapses' plasticity."""
        deprecated("Projection.setSynapseDynamics", name=parameter_name)
        self._set_old(parameter_name, value)

    @old_keywords(param="parameter_name")
    def randomizeSynapseDynamics(self, parameter_name: str, rand_distr: Any) -> None:
        """Set a parameter of the synapses' plasticity to values of a random distribution."""
        deprecated("Projection.randomizeSynapseDynamics", name=parameter_name)
        self.set(**{parameter_name: rand_distr})

    # --- looking ---------------------------------------------------------------------------------------------------

    def _values(self, name: str, format: str, gather: bool) -> Any:
        if format == "list" and dialect.is_old():
            return self._in_old_order([name], gather)[2][0].tolist()
        return self.get(name, format, gather=gather, with_address=False)

    def getWeights(self, format: str = "list", gather: bool = True) -> Any:
        """Weights: a list with one number a connection, or (format "array") an array (pre, post) with NaN for none."""
        deprecated("Projection.getWeights")
        return self._values("weight", format, gather)

    def getDelays(self, format: str = "list", gather: bool = True) -> Any:
        """Delays (ms): a list with one number a connection, or (format "array") an array (pre, post)."""
        deprecated("Projection.getDelays")
        return self._values("delay", format, gather)

    def getSynapseDynamics(self, parameter_name: str, format: str = "list", gather: bool = True) -> Any:
        """A parameter of the synapses' plasticity, as getWeights() gives the weights."""
        deprecated("Projection.getSynapseDynamics", name=parameter_name)
        return self._values(parameter_name, format, gather)

    def _print(self, name: str, file: Any, format: str, gather: bool) -> None:
        if not dialect.is_old():
            self.save(name, file, format, gather)
            return
        values = self._values(name, format, gather)
        with self._writing(gather) as writes:
            if writes:
                named = isinstance(file, (str, os.PathLike))
                target = StandardTextFile(self._file_name(file, gather), mode="w") if named else file
                target.write(np.nan_to_num(values) if format == "array" else [(value,) for value in values], {})
                target.close()

    @old_keywords(filename="file")
    def printWeights(self, file: Any, format: str = "list", gather: bool = True) -> None:
        """Write the weights to a file; in the array format 0 stands for no connection."""
        deprecated("Projection.printWeights")
        self._print("weight", file, format, gather)

    @old_keywords(filename="file")
    def printDelays(self, file: Any, format: str = "list", gather: bool = True) -> None:
        """Write the delays to a file; in the array format 0 stands for no connection."""
        deprecated("Projection.printDelays")
        self._print("delay", file, format, gather)

    @old_keywords(filename="file")
    def saveConnections(self, file: Any, gather: bool = True, compatible_output: bool = True) -> None:
        """Write the connections in a form that FromFileConnector reads."""
        deprecated("Projection.saveConnections")
        if not dialect.is_old() or not isinstance(file, (str, os.PathLike)):
            self.save("all", file, format="list", gather=gather)
            return
        pre, post = (self._addresses(group) for group in (self.pre, self.post))
        i, j, (weights, delays) = self._in_old_order(["weight", "delay"], gather)
        with self._writing(gather) as writes:
            if not writes:
                return
            with replacing(self._file_name(file, gather)) as temporary, open(temporary, "w", encoding="utf-8") as lines:
                for k in range(len(i)):
                    lines.write(f"{pre[i[k]]}\t{post[j[k]]}\t{float(weights[k])!r}\t{float(delays[k])!r}\n")

    def _addresses(self, group: Any) -> list[str]:
        """label[i, j] of each cell."""
        label = str(group.label).replace("\t", " ").replace("\n", " ")
        return [
            f"{label}[{', '.join(map(str, address))}]" for address in np.ndindex(*dimensions(group, group.size))
        ]

    def weightHistogram(self, min: float | None = None, max: float | None = None, nbins: int = 10) -> Any:
        """(counts, edges) of `nbins` bins between `min` and `max`, by default the smallest and the largest weight."""
        deprecated("Projection.weightHistogram")
        weights = np.asarray(self.get("weight", "list", with_address=False), dtype=float)
        if not weights.size:
            raise InvalidParameterValueError(f"'{self.label}' has no connections, so there is no histogram of weights.")
        low = weights.min() if min is None else min
        high = weights.max() if max is None else max
        return np.histogram(weights, np.linspace(low, high, nbins + 1) if high > low else nbins)


def _by_name(arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Arguments of either API by modern names; synapse_dynamics and rng besides."""
    if len(arguments) > len(_NAMES):
        raise InvalidParameterValueError(f"Projection takes {', '.join(_NAMES)}; {len(arguments)} values were given.")
    call: dict[str, Any] = {}
    post = arguments[1] if len(arguments) > 1 else None
    for name, value in zip(_NAMES, arguments, strict=False):
        meant = _meant(name, value, post)
        if meant in ("receptor_type", "synapse_dynamics", "rng") and meant != name:
            deprecated(f"sim.Projection {'target' if meant == 'receptor_type' else meant}", value=value)
        if value is not None or meant not in call:
            call[meant] = value
    for name, value in named.items():
        modern = _RENAMED.get(name, name)
        if name == "method":
            deprecated("sim.Projection method")
            modern = "connector"
        elif name == "target":
            deprecated("sim.Projection target", value=value)
            modern = "receptor_type"
        elif name in ("synapse_dynamics", "rng"):
            if value is None:
                continue
            deprecated(f"sim.Projection {name}")
        elif modern != name and name not in _OF_BACKENDS:
            deprecated("sim.Projection groups", name=name, value=modern)
        if call.get(modern) is not None:
            raise InvalidParameterValueError(f"Projection: {modern} was given twice, the second time as {name}.")
        call[modern] = value
    if isinstance(call.get("synapse_type"), models.SynapseDynamics):
        call["synapse_dynamics"] = call.pop("synapse_type")
    return call


def _meant(name: str, value: Any, post: Any) -> str:
    """What an argument in the modern slot `name` is, by its type.

    PyNN 0.6 has after the connector: source, target, synapse_dynamics, label, rng.
    """
    if isinstance(value, models.SynapseDynamics):
        return "synapse_dynamics"
    if isinstance(value, AbstractRNG):
        return "rng"
    if name == "synapse_type" and isinstance(value, str):
        return "source"
    if name == "source" and isinstance(value, str) and value in getattr(post, "receptor_types", ()):
        return "receptor_type"
    if name == "space" and isinstance(value, str):
        return "label"
    return name


def _with_generator(connector: Any, rng: Any) -> Any:
    """The connector, with the projection's generator if it can use one and has none of its own."""
    if rng is None or not isinstance(connector, Connector) or getattr(connector, "rng", rng) is not None:
        return connector
    changed = copy.copy(connector)
    changed.rng = rng  # type: ignore[attr-defined]
    return changed


def _take_old_attributes(call: dict[str, Any], dynamics: Any) -> dict[str, Any]:
    """Make the synapse type of the connector's weights and delays; the initial values of the synapses' states."""
    if dynamics is not None and not isinstance(dynamics, models.SynapseDynamics):
        if not isinstance(dynamics, BaseSynapseType):
            raise InvalidModelError(f"synapse_dynamics must be a SynapseDynamics(fast, slow), not {dynamics!r}.")
        call.setdefault("synapse_type", dynamics)
        dynamics = None
    old = getattr(call.get("connector"), "_old", None) or {}
    if "space" in old and call.get("space") is None:
        call["space"] = old["space"]
    if not old and dynamics is None:
        return {}
    weights, delays = in_order(old.get("weights", 0.0), "weights"), in_order(old.get("delays"), "delays")
    synapse = call.get("synapse_type")
    if synapse is None:
        call["synapse_type"], initial = models.synapse_type(dynamics, weights, delays)
        return initial
    if dynamics is not None:
        raise InvalidParameterValueError("Give either synapse_type or synapse_dynamics to a Projection, not both.")
    values = {name: value for name, value in (("weight", weights), ("delay", delays)) if f"{name}s" in old}
    call["synapse_type"] = models.with_values(synapse, values)
    return {}


