"""Where the time goes: what is measured adds up to what a clock outside sees."""

from __future__ import annotations

import time
from typing import Any

import pytest

import pyNN.mock
import pyNN.reference as sim
from pyNN.errors import InvalidParameterValueError
from pyNN.profiling import KERNELS, PhaseTimes, Profile


def run(duration: float = 200.0, **options: Any) -> float:
    """Seconds of a run of two populations, one of which gets input."""
    sim.setup(timestep=0.1, **options)
    cells = sim.Population(50, sim.IF_cond_exp(i_offset=0.9), label="cells")
    noise = sim.Population(20, sim.SpikeSourcePoisson(rate=100.0), label="noise")
    cells.record("spikes")
    synapse = sim.StaticSynapse(weight=0.001, delay=1.0)
    sim.Projection(noise, cells, sim.FixedProbabilityConnector(0.5), synapse, label="input")
    sim.run(0.1)
    began = time.perf_counter()
    sim.run(duration)
    seconds = time.perf_counter() - began
    cells.get_data()
    return seconds


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_phases_of_a_run_add_up_to_its_time(engine: str) -> None:
    outside = run(engine=engine)
    before = sim.profile()
    began = time.perf_counter()
    sim.run(500.0)
    outside = time.perf_counter() - began
    after = sim.profile()
    # What is between the clocks of the two is a function call.
    assert after.run - before.run == pytest.approx(outside, rel=0.1, abs=0.005)
    assert after.duration_ms - before.duration_ms == pytest.approx(500.0)
    assert sum(p.seconds for p in after["run"].phases) <= after.run * 1.001
    assert after.real_time_factor == pytest.approx(1000.0 * after.run / after.duration_ms)
    assert after.total == pytest.approx(after.describe + after.build + after.run + after.collect)
    assert min(after.describe, after.connect, after.build, after.run, after.collect) > 0.0
    assert (after.build, after.describe) == (before.build, before.describe)


def test_the_numpy_engine_tells_populations_and_projections_apart() -> None:
    run(engine="numpy", profile=True)
    loop = sim.profile()["run", "cells and synapses"]
    assert loop["update"]["cells"].seconds > 0.0
    assert loop["deliver"]["input"].seconds > 0.0
    assert loop["update"].seconds + loop["deliver"].seconds <= loop.seconds
    assert 0.0 <= loop.other_seconds < 0.7 * loop.seconds
    run(engine="numpy")
    assert not sim.profile()["run", "cells and synapses"].phases


def test_reset_keeps_what_was_measured() -> None:
    run(engine="numpy")
    before = sim.profile()
    sim.reset()
    sim.run(50.0)
    after = sim.profile()
    assert after.run > before.run
    assert after["build", "sort connections"].seconds > before["build", "sort connections"].seconds
    assert after.duration_ms == pytest.approx(before.duration_ms + 50.0)


def test_setup_begins_anew() -> None:
    run(engine="numpy")
    sim.setup()
    profile = sim.profile()
    assert (profile.total, profile.duration_ms) == (0.0, 0.0)
    assert profile.real_time_factor != profile.real_time_factor
    assert "seconds" in str(profile)


def test_it_prints_as_a_table_with_shares_and_what_is_left() -> None:
    seconds = {
        ("describe",): 1.0, ("build",): 2.0, ("build", "cells", KERNELS): 0.5, ("run",): 6.0, ("run", "a"): 2.0,
        ("run", "a", "b"): 0.5, ("collect",): 1.0,
    }  # fmt: skip
    profile = Profile.of(seconds, 3000.0, True)
    assert profile.rows() == [
        (0, "describe", 1.0), (0, "build", 2.0), (1, "cells", 0.5), (2, KERNELS, 0.5), (1, "other", 1.5),
        (0, "run", 6.0), (1, "a", 2.0), (2, "b", 0.5), (2, "other", 1.5), (1, "other", 4.0), (0, "collect", 1.0),
    ]  # fmt: skip
    assert (profile.total, profile.compile, profile.real_time_factor) == (10.0, 0.5, 2.0)
    lines = str(profile).splitlines()
    assert lines[2].split() == ["describe", "1.000", "10", "%"]
    assert lines[-2].split() == ["total", "10.000", "100", "%"]
    assert lines[-1] == "3000 ms simulated, 2 s a second of model time"
    assert profile._repr_html_().count("<tr>") == 13
    assert profile["run", "a", "b"].seconds == 0.5
    with pytest.raises(InvalidParameterValueError, match="'run' has no phase 'c'.*It has: a"):
        profile["run", "c"]


def test_a_block_that_raises_is_measured() -> None:
    times = PhaseTimes()
    with pytest.raises(ZeroDivisionError), times.measure("run", "part"):
        time.sleep(0.02)
        1 / 0  # noqa: B018
    assert 0.02 <= times.seconds["run", "part"] < 0.5


def test_a_backend_that_knows_nothing_has_the_phases_that_are_always_measured() -> None:
    pyNN.mock.setup(timestep=0.1, profile=True)
    cells = pyNN.mock.Population(3, pyNN.mock.IF_curr_exp())
    cells.record("v")
    pyNN.mock.run(10.0)
    cells.get_data()
    profile = pyNN.mock.profile()
    assert profile.run > 0.0
    assert profile.build > 0.0
    assert profile.collect > 0.0
