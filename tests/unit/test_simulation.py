"""The Simulation object: the clock, what is built when, and reset."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pyNN.errors import InternalError, InvalidDelayError, NotSetUpError
from pyNN.mock.backend import MockBackend
from pyNN.scripting import Script
from pyNN.standardmodels.cells import IF_curr_exp
from pyNN.standardmodels.electrodes import DCSource
from pyNN.standardmodels.synapses import StaticSynapse


class CountingBackend(MockBackend):
    """Notes what sessions are asked to build, and fails where it is told to."""

    def __init__(self):
        super().__init__()
        self.built = []
        self.opened = 0
        self.fail = False

    def open(self, settings, comm):
        self.opened += 1
        session = super().open(settings, comm)
        build = session.build

        def counted(part):
            if self.fail:
                raise InternalError("not now")
            self.built.append((len(part.populations), len(part.projections), len(part.currents), len(part.recordings)))
            build(part)

        watched: Any = session
        watched.build = counted
        return session


@pytest.fixture
def script():
    script = Script(CountingBackend())
    script.setup(timestep=0.1)
    return script


def connector():
    from pyNN.connectors import AllToAllConnector

    return AllToAllConnector()


def test_nothing_is_opened_before_it_is_needed(script):
    cells = script.Population(3, IF_curr_exp())
    script.Projection(cells, cells, connector(), StaticSynapse(weight=0.1, delay=1.0))
    cells.set(tau_m=3.0)
    cells.initialize(v=-60.0)
    assert cells.get("tau_m") == 3.0
    assert script.backend.opened == 0


def test_each_part_is_built_once_and_all_again_after_reset(script):
    cells = script.Population(3, IF_curr_exp())
    cells.record("v")
    script.run(1.0)
    script.run(1.0)
    DCSource().inject_into(cells)
    late = script.Population(2, IF_curr_exp())
    script.Projection(late, cells, connector(), StaticSynapse(weight=0.1, delay=1.0))
    script.run(1.0)
    assert script.backend.built == [(1, 0, 0, 1), (1, 1, 1, 0)]
    script.reset()
    script.run(1.0)
    assert script.backend.built[2:] == [(2, 1, 1, 1)] and script.backend.opened == 2


def test_what_could_not_be_built_is_tried_again(script):
    script.Population(3, IF_curr_exp())
    script.backend.fail = True
    with pytest.raises(InternalError):
        script.run(1.0)
    assert script.get_current_time() == 0.0
    script.backend.fail = False
    script.run(1.0)
    assert script.backend.built == [(1, 0, 0, 0)] and script.get_current_time() == 1.0


def test_a_refused_object_leaves_no_trace(script):
    cells = script.Population(3, IF_curr_exp())
    with pytest.raises(InvalidDelayError):
        script.Projection(cells, cells, connector(), StaticSynapse(weight=0.1, delay=0.01))
    with pytest.raises(ValueError):
        script.Population(3, IF_curr_exp(tau_m=[1.0, 2.0]))
    script.run(1.0)
    assert script.backend.built == [(1, 0, 0, 0)]
    assert script.Population(1, IF_curr_exp()).first_id == 3


def test_times_are_written_without_rounding_errors(script):
    simulation = script.simulation
    assert [simulation.time_of(k) for k in (3, 7, 1001, 10**7)] == [0.3, 0.7, 100.1, 1e6]


def test_observers_hear_of_the_build_and_of_the_end(script):
    class Observer:
        heard: list = []

        def before_build(self, simulation):
            self.heard.append(("build", len(simulation.populations)))

        def before_close(self, simulation):
            self.heard.append(("close", simulation.t))

    script.observers.append(Observer())
    script.Population(3, IF_curr_exp())
    script.run(1.0)
    script.end()
    assert Observer.heard == [("build", 1), ("close", 1.0)]


def test_a_new_setup_closes_the_old_simulation(script):
    old = script.simulation
    cells = script.Population(3, IF_curr_exp())
    cells.record("v")
    script.run(1.0)
    script.setup()
    assert old.closed and script.simulation is not old
    with pytest.raises(NotSetUpError):
        old.run_to(5)
    with pytest.raises(NotSetUpError):
        cells.get_data()


def test_two_scripts_do_not_share_anything():
    one, two = Script(CountingBackend()), Script(CountingBackend())
    one.setup(timestep=0.1)
    two.setup(timestep=0.5)
    one.Population(3, IF_curr_exp())
    one.run(1.0)
    assert two.get_time_step() == 0.5 and two.get_current_time() == 0.0 and two.simulation.populations == []


def test_timings_cover_connecting_building_and_running(script):
    cells = script.Population(30, IF_curr_exp())
    script.Projection(cells, cells, connector(), StaticSynapse(weight=0.1, delay=1.0))
    script.run(10.0)
    assert all(script.simulation.timings[name] > 0.0 for name in ("connect", "build", "run"))


@pytest.mark.parametrize("ready", [True, False])
def test_a_backend_without_a_compiler_uses_loops_that_are_there_or_worth_it(
    monkeypatch: pytest.MonkeyPatch, ready: bool
) -> None:
    script = Script(MockBackend())
    script.setup()
    simulation = script.simulation
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setattr("pyNN.simulation.loops_are_ready", lambda: ready)
    asked = [simulation.compiles(pairs) for pairs in (1000, 200_000_000, 200_000_000, 10)]
    assert asked == [False, ready, True, True]
    assert "pyNN.random.native" in sys.modules
