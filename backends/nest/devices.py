"""NEST's own current generators that a script injects: created as they are, connected when the delays are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyNN.nest import natives
from pyNN.specs import CurrentSpec, IntArray, Ragged


@dataclass
class _Device:
    spec: CurrentSpec
    generator: Any = None
    connected: int = 0
    """How many of the spec's targets have the generator already."""
    values: dict[str, Any] = field(default_factory=dict)
    """What NEST has been told; the rest has NEST's defaults."""


class Devices:
    """All native current generators of a session.

    `clock` is the session; NEST's times are `lead_in` ahead of its own, and a generator is heard one min_delay late.
    """

    def __init__(self, nest: Any, clock: Any) -> None:
        self._nest = nest
        self._clock = clock
        self._devices: dict[int, _Device] = {}

    def write(self, spec: CurrentSpec) -> None:
        """Add a generator, or take over changed parameters or further targets."""
        device = self._devices.setdefault(spec.id, _Device(spec))
        device.spec = spec
        if device.generator is not None:
            changed = self._changes(device)
            if changed:
                device.generator.set(changed)

    def connect(self, nodes: Callable[[IntArray], IntArray]) -> None:
        """Connect what is not connected yet; `nodes` gives the node ids of cells."""
        for device in self._devices.values():
            if device.generator is None:
                device.generator = self._nest.Create(_name(device.spec), params=self._changes(device))
            cells = np.asarray(device.spec.cells)[device.connected :]
            if len(cells):
                delay = self._clock.lag * self._clock.dt
                self._nest.Connect(
                    np.full(len(cells), device.generator.tolist()[0]),
                    nodes(cells),
                    "one_to_one",
                    syn_spec={
                        "synapse_model": "static_synapse",
                        "weight": np.ones(len(cells)),
                        "delay": np.full(len(cells), delay),
                    },
                )
            device.connected = len(device.spec.cells)

    def _changes(self, device: _Device) -> dict[str, Any]:
        """What NEST has to be told of the parameters."""
        model = natives.native_model(_name(device.spec))
        shift = (self._clock.lead_in - self._clock.lag) * self._clock.dt
        changed: dict[str, Any] = {}
        for name, default in model.parameters.items():
            given = device.spec.parameters[name]
            value = given[0] if isinstance(given, Ragged) else given
            if name == "origin" or (name == "amplitude_times" and np.size(value)):
                # NEST counts all other times from the origin.
                value = value + shift
            if not np.array_equal(value, device.values.get(name, default)):
                changed[name] = value
        # Times and values of steps are checked against each other.
        if {"amplitude_times", "amplitude_values"} & set(changed):
            for name in ("amplitude_times", "amplitude_values"):
                changed.setdefault(name, device.values.get(name, model.parameters[name]))
        device.values.update(changed)
        return changed


def is_native(spec: CurrentSpec) -> bool:
    """Whether the current comes from one of NEST's generators."""
    return spec.model.name.startswith(natives.PREFIX)


def _name(spec: CurrentSpec) -> str:
    return spec.model.name.removeprefix(natives.PREFIX)
