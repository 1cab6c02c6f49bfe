"""What the NEST adapter can and cannot do, and how it says so."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from pyNN.backend import Settings
from pyNN.errors import (
    CapabilityError,
    NoModelAvailableError,
    NonExistentParameterError,
    SimulatorError,
)
from pyNN.models import Definition
from pyNN.nest import versions
from pyNN.parallel import SerialCommunicator
from pyNN.specs import Ragged


def settings(**options: Any) -> Settings:
    return Settings(0.1, None, None, 3, options=options)


def test_everything_that_is_impossible_is_named_at_once(build: Any, part: Any, open_session: Any) -> None:
    nest = versions.load_nest()

    one = build.population("IF_curr_exp", init={"isyn_exc": 0.3})
    two = build.population("IF_cond_exp", v_reset=-40.0)
    session = open_session()
    with pytest.raises(CapabilityError, match=r"initial value of isyn_exc .*iaf_psc_exp.* NEST needs v_reset below"):
        session.build(part(one, two))
    assert nest.network_size == 0


def test_a_model_that_is_not_in_the_tables_is_refused_with_those_that_are(build: Any, part: Any, backend: Any) -> None:
    cells = build.population("IF_curr_exp")
    cells.model = Definition("my_model", {})
    with pytest.raises(NoModelAvailableError, match="my_model.*IF_cond_exp"):
        backend.check(part(cells), settings())


def test_conductances_can_be_given_initial_values(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_cond_exp", 2, init={"gsyn_exc": 0.02, "gsyn_inh": np.array([0.0, 0.03])})
    g = build.record(cells, "gsyn_inh")
    session = open_session()
    session.build(part(cells, g))
    np.testing.assert_allclose(session.read_cells(0, "gsyn_exc"), 0.02, rtol=1e-15)
    session.advance(50)
    # NEST integrates with an adaptive Runge-Kutta-Fehlberg method of relative tolerance 1e-3.
    t = np.arange(51) * 0.1
    np.testing.assert_allclose(session.collect(g.id)[:, 1], 0.03 * np.exp(-t / 5.0), rtol=1e-3)


def test_present_synaptic_currents_are_not_readable_but_recordable_from_the_start(
    build: Any, part: Any, open_session: Any
) -> None:
    cells = build.population("IF_curr_exp", 2)
    session = open_session()
    session.build(part(cells))
    with pytest.raises(CapabilityError, match="isyn_exc.*Record it instead"):
        session.read_cells(0, "isyn_exc")
    session.advance(1)
    with pytest.raises(CapabilityError, match="must begin before the first run"):
        session.build(part(build.record(cells, "isyn_exc", start=1)))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("min_delay", [1, 4])
def test_synaptic_currents_are_complete_in_every_step(
    build: Any, part: Any, open_session: Any, threads: int, min_delay: int
) -> None:
    source = build.population("SpikeSourceArray", 2, spike_times=Ragged.from_list([[0.0, 0.7, 2.1], [1.0]]))
    cells = build.population("IF_curr_exp", 3, tau_syn_E=2.0, tau_syn_I=5.0)
    recordings = [build.record(cells, name, [0, 2]) for name in ("isyn_exc", "isyn_inh")]
    exc = build.projection(source, cells, [0.5, 0.25], [4, 6], [(0, 0), (0, 2)])
    inh = build.projection(source, cells, -0.125, 4, [(1, 2)], receptor="inhibitory")
    session = open_session(threads=threads, min_delay_steps=min_delay)
    session.build(part(source, cells, exc, inh, *recordings))
    t = np.arange(60)

    def kernel(weight: float, arrival: int, tau: float) -> Any:
        return np.where(t >= arrival, weight * np.exp(-(t - arrival) * 0.1 / tau), 0.0)

    excitatory = np.stack(
        [sum(kernel(w, s + d, 2.0) for s in (0, 7, 21)) for w, d in ((0.5, 4), (0.25, 6))], axis=1
    )
    inhibitory = np.stack([np.zeros(60), kernel(-0.125, 14, 5.0)], axis=1)
    for steps in (1, 1, 2, 5, 1, 20, 29):
        session.advance(steps)
        now = session.current_step
        np.testing.assert_allclose(session.collect(recordings[0].id), excitatory[: now + 1], atol=1e-14)
        np.testing.assert_allclose(session.collect(recordings[1].id), inhibitory[: now + 1], atol=1e-14)


def test_precise_spike_times_are_the_closed_form(build: Any, part: Any, open_session: Any) -> None:
    # V rises from E_L to E_L + R*I; the threshold is crossed at tau*log(RI/(RI - theta)), held for t_ref after it.
    parameters = {"tau_m": 20.0, "cm": 1.0, "i_offset": 1.0, "tau_refrac": 2.0}
    session = open_session(options={"spike_precision": "off_grid"})
    for name in ("IF_curr_exp", "IF_curr_alpha", "IF_curr_delta"):
        cells = build.population(name, 2, **parameters, v_rest=-65.0, v_reset=-65.0, v_thresh=-50.0)
        session.build(part(cells, build.record(cells, "spikes")))
    session.advance(1000)
    period = 20.0 * np.log(20.0 / 5.0)
    for id in range(3):
        spikes = session.collect(id)
        assert ((spikes.offsets >= 0.0) & (spikes.offsets < 0.1)).all()
        times = (spikes.steps * 0.1 - spikes.offsets)[spikes.cells == 1]
        expected = period + np.arange(len(times)) * (period + 2.0)
        np.testing.assert_allclose(times, expected, atol=1e-9)
        assert len(times) == 3


def test_models_without_precise_times_stay_on_the_grid(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_cond_exp", i_offset=1.0)
    session = open_session(options={"spike_precision": "off_grid"})
    session.build(part(cells, build.record(cells, "spikes")))
    session.advance(500)
    spikes = session.collect(0)
    assert len(spikes.steps) > 0 and spikes.offsets is None


def test_precise_models_refuse_what_nest_refuses(build: Any, part: Any, backend: Any) -> None:
    cells = build.population("IF_curr_exp", tau_refrac=0.0)
    with pytest.raises(CapabilityError, match="needs a tau_refrac of at least a time step"):
        backend.check(part(cells), settings(spike_precision="off_grid"))
    backend.check(part(cells), settings())


def test_a_native_poisson_source_spikes_in_its_window_at_its_rate(build: Any, part: Any, open_session: Any) -> None:
    rates = np.repeat([50.0, 200.0], 100)
    source = build.population("SpikeSourcePoisson", 200, native=True, rate=rates, start=100.0, duration=500.0)
    target = build.population("IF_curr_delta", tau_m=1e9, v_rest=0.0, v_thresh=1e9, init={"v": 0.0})
    spikes = build.record(source, "spikes")
    session = open_session(min_delay_steps=3)
    session.build(part(source, target, build.projection(source, target, 1.0, 7), spikes))
    session.advance(8000)
    found = session.collect(spikes.id)
    assert found.steps.min() > 1000 and found.steps.max() <= 6000
    counts = np.bincount(found.cells, minlength=200)
    # Poisson: 100 cells * 0.5 s * rate = 2500 and 10000 spikes; within five standard deviations.
    assert abs(counts[:100].sum() - 2500) < 250 and abs(counts[100:].sum() - 10000) < 500
    np.testing.assert_allclose(session.read_cells(1, "v"), len(found.steps), rtol=1e-4)


def test_a_native_source_obeys_a_changed_rate(build: Any, part: Any, open_session: Any) -> None:
    source = build.population("SpikeSourcePoisson", 50, native=True, rate=500.0)
    spikes = build.record(source, "spikes")
    session = open_session()
    session.build(part(source, spikes))
    session.advance(1000)
    session.write_cells(0, "rate", np.arange(25), 0.0)
    before = len(session.collect(spikes.id).steps)
    assert abs(before - 2500) < 250
    session.advance(1000)
    found = session.collect(spikes.id)
    late = found.cells[found.steps > 1002]
    assert late.min() >= 25 and abs(len(late) - 1250) < 180


def test_the_number_of_threads_changes_nothing(build: Any, part: Any, open_session: Any) -> None:
    results = []
    for threads in (1, 2):
        build.populations.clear()
        rng = np.random.default_rng(4)
        source = build.population("SpikeSourcePoisson", 20, rate=80.0)
        cells = build.population("IF_curr_exp", 40, tau_m=rng.uniform(8, 20, 40), i_offset=rng.uniform(0.3, 1.0, 40))
        weights = rng.uniform(0.1, 1.0, 800)
        recordings = [build.record(source, "spikes"), build.record(cells, "spikes"), build.record(cells, "v")]
        session = open_session(threads=threads)
        session.build(
            part(
                source,
                cells,
                build.projection(source, cells, weights, rng.integers(1, 20, 800)),
                build.projection(cells, cells, rng.uniform(0, 0.2, 1600), rng.integers(1, 20, 1600)),
                *recordings,
            )
        )
        session.advance(2000)
        results.append([session.collect(r.id) for r in recordings])
    for one, two in zip(results[0][:2], results[1][:2], strict=True):
        assert one.steps.tolist() == two.steps.tolist() and one.cells.tolist() == two.cells.tolist()
    assert len(results[0][1].steps) > 300
    # Threads deliver spikes in another order, so sums may differ in their last places.
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=0, atol=1e-11)


def test_only_one_session_at_a_time(backend: Any, open_session: Any) -> None:
    session = open_session()
    with pytest.raises(CapabilityError, match="one simulation a process"):
        backend.open(settings(), SerialCommunicator())
    session.close()
    session.close()
    with pytest.raises(SimulatorError, match="closed"):
        session.advance(1)
    backend.open(settings(), SerialCommunicator()).close()


def test_other_processes_than_those_of_nest_are_refused(backend: Any) -> None:
    with pytest.raises(CapabilityError, match="cannot take part as one of 4"):
        backend.open(settings(), SerialCommunicator(0, 4))


def test_an_error_of_nests_own_has_its_text(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_curr_exp", 2)
    session = open_session()
    session.build(part(cells))
    with pytest.raises(SimulatorError, match=r"setting tau_m of 'IF_curr_exp cells'.*strictly positive"):
        session.write_cells(0, "tau_m", np.array([0, 1]), -1.0)
    with pytest.raises(NonExistentParameterError, match="'tau_n'.*Did you mean 'tau_m'"):
        session.write_cells(0, "tau_n", np.array([0]), 1.0)
    with pytest.raises(CapabilityError, match="v_reset below v_thresh"):
        session.write_cells(0, "v_thresh", np.array([1]), -80.0)
    session.advance(3)


@pytest.mark.parametrize("dt", [0.1, 0.05, 0.0125, 1.0 / 3.0, 1.0, 0.001])
def test_time_steps_that_are_no_whole_number_of_microseconds_work(
    build: Any, part: Any, open_session: Any, dt: float
) -> None:
    source = build.population("SpikeSourceArray", spike_times=Ragged.from_list([[0.0, 7 * dt]]))
    cells = build.population("IF_curr_delta", init={"v": 0.0}, tau_m=1e9, v_rest=0.0, v_thresh=1e6)
    v = build.record(cells, "v")
    session = open_session(dt=dt)
    session.build(part(source, cells, build.projection(source, cells, 1.0, 3), v))
    session.advance(1000)
    trace = session.collect(v.id)[:, 0]
    assert (np.flatnonzero(np.diff(trace) > 0.5) + 1).tolist() == [3, 10]


def test_an_impossible_time_step_is_refused(open_session: Any) -> None:
    with pytest.raises(CapabilityError, match=r"time step of 1e-07 ms"):
        open_session(dt=1e-7)


RUN = (
    "import sys; from pyNN.nest.backend import NestBackend; from pyNN.backend import Settings; "
    "from pyNN.parallel import SerialCommunicator; b = NestBackend(); assert 'nest' not in sys.modules; "
)
OPEN = "b.open(Settings(0.1, None, None, 1), SerialCommunicator()).advance(3); assert sys.argv[1] == '--verbosity=x'"


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, "--verbosity=x"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


def test_nest_says_nothing_unless_asked() -> None:
    result = python(RUN + OPEN)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_under_an_mpi_launcher_nest_is_not_imported() -> None:
    # NEST's wheel would end the process with exit status 127.
    code = RUN + "\ntry:\n  " + OPEN + "\nexcept NotImplementedError as e:\n  print(e, 'nest' in sys.modules)"
    result = python(code, OMPI_COMM_WORLD_SIZE="2", OMPI_COMM_WORLD_RANK="0")
    assert result.returncode == 0, result.stderr
    assert "Start the script with python" in result.stdout and result.stdout.endswith("False\n")


def test_without_nest_the_error_gives_the_pip_line() -> None:
    hide = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "nest":
            raise ModuleNotFoundError("No module named 'nest'")
sys.meta_path.insert(0, Hidden())
"""
    result = python(hide + RUN + OPEN)
    assert "BackendNotInstalledError" in result.stderr and "pip install 'pynn-core[nest]'" in result.stderr


def test_an_interrupt_is_raised_when_nest_and_the_session_agree_on_the_time(
    build: Any, part: Any, open_session: Any
) -> None:
    import signal
    import threading

    cells = build.population("IF_cond_exp", 200, i_offset=0.7)
    v = build.record(cells, "v", [0])
    session = open_session()
    session.build(part(cells, v))
    session.advance(1)
    timer = threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        session.advance(2_000_000)
    timer.join()
    assert 1 < session.current_step < 2_000_000
    assert session.collect(v.id).shape == (session.current_step + 1, 1)
    session.advance(2)


def test_an_infinite_parameter_is_refused_when_given_and_when_set(build: Any, part: Any, open_session: Any) -> None:
    session = open_session()
    with pytest.raises(CapabilityError, match=r"tau_m = inf is not possible on NEST"):
        session.build(part(build.population("IF_curr_exp", tau_m=np.inf)))
    cells = build.population("IF_curr_exp")
    session.build(part(cells))
    with pytest.raises(CapabilityError, match=r"tau_m = inf is not possible on NEST"):
        session.write_cells(cells.id, "tau_m", np.arange(cells.size), np.inf)
