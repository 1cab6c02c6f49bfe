"""Parameters that follow a variable of another population; names of equations in the backends' modules; quantities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyNN.mock
import pyNN.nest
import pyNN.reference as sim
from pyNN.equations import CellType
from pyNN.errors import (
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    NonExistentParameterError,
    UnitsError,
)

Ramp = CellType(name="Ramp", equations="dx/dt = rate : mV", parameters={"rate": (1.0, "mV/ms")})
Follower = CellType(name="Follower", equations="dz/dt = drive/(10*ms) : mV (euler)", parameters={"drive": (0.0, "mV")})


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_parameter_follows_a_variable_of_another_population(engine: str) -> None:
    sim.setup(timestep=0.1, engine=engine)
    sources = sim.Population(3, Ramp(rate=[1.0, 2.0, 4.0]))
    same, chosen = sim.Population(3, Follower()), sim.Population(2, Follower())
    single = sim.Population(1, Ramp())
    broad = sim.Population(2, Follower())
    same.link("drive", sources, "x")
    chosen.link("drive", sources, "x", index=[2, 0])
    broad.link("drive", single, "x")
    for cells in (same, chosen, broad):
        cells.record("z")
    sim.run(10.0)
    # Euler's sum of x(k dt) dt/10 ms, where x(k dt) = rate*k*dt: exactly known, so the tolerance is that of rounding.
    total = sum(0.1 * k for k in range(100)) * 0.01
    for cells, rates in ((same, [1.0, 2.0, 4.0]), (chosen, [4.0, 1.0]), (broad, [1.0, 1.0])):
        z = cells.get_data().segments[0].analogsignals[0].magnitude[-1]
        np.testing.assert_allclose(z, np.array(rates) * total, rtol=1e-12)
    sim.end()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("drive", "source", "y"), NonExistentParameterError, "y"),
        (("drives", "source", "x"), NonExistentParameterError, "drives"),
        (("drive", "source", "rate"), UnitsError, "is in mV, but 'rate'"),
        (("drive", "source", "x"), InvalidDimensionsError, "give index="),
        (("drive", "source", "x", [0, 1, 7]), InvalidDimensionsError, "outside 0 to 1"),
        (("drive", "source", "x", [0.0, 1.0, 1.0]), InvalidDimensionsError, "whole numbers"),
        (("drive", "nothing", "x"), InvalidModelError, "is a population"),
    ],
)
def test_links_that_cannot_be_are_refused(arguments: tuple[Any, ...], error: type, words: str) -> None:
    sim.setup(timestep=0.1, engine="numpy")
    source, cells = sim.Population(2, Ramp()), sim.Population(3, Follower())
    given = [source if argument == "source" else argument for argument in arguments]
    with pytest.raises(error, match=words):
        cells.link(*given)
    sim.end()


@pytest.mark.parametrize("backend", [sim, pyNN.nest, pyNN.mock])
def test_every_backend_has_functions_of_time_and_links(backend: Any) -> None:
    table = backend.TimedArray([1.0, 2.0], dt=5.0)
    assert table.dt == 5.0 and table.values.tolist() == [1.0, 2.0]
    with pytest.raises(InvalidModelError, match="linked_var takes a NeuronGroup"):
        backend.linked_var("group", "x")


def test_a_text_in_the_place_of_a_number_is_told_of_quantities() -> None:
    import quantities as pq

    with pytest.raises(InvalidParameterValueError, match=r"PyNN's unit \(mV\).*-65 \* pq.mV"):
        sim.IF_curr_exp(v_rest="-65 mV")
    with pytest.raises(InvalidParameterValueError, match="a quantity such as"):
        CellType(equations="dx/dt = -x/tau : 1", parameters={"tau": "20 ms"})
    sim.setup(timestep=0.1, engine="numpy")
    cells = sim.Population(1, sim.IF_curr_exp(v_rest=-0.065 * pq.V))
    assert cells.get("v_rest") == pytest.approx(-65.0)
    sim.end()
