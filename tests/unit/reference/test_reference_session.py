"""The reference backend against the contract of pyNN.backend, with networks described by hand; each engine in turn."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from pyNN.backend import Settings
from pyNN.errors import (
    CapabilityError,
    InternalError,
    InvalidDimensionsError,
    InvalidTimeError,
    NoModelAvailableError,
    NonExistentParameterError,
    SimulatorError,
)
from pyNN.models import Definition, Parameter, State
from pyNN.parallel import SerialCommunicator
from pyNN.reference.backend import ReferenceBackend
from pyNN.specs import (
    ConnectionTable,
    CurrentSpec,
    NetworkSpec,
    PopulationSpec,
    ProjectionSpec,
    Ragged,
    RecordingSpec,
)
from pyNN.standardmodels import cells, electrodes, synapses

DT = 0.1
STATIC = synapses.StaticSynapse.definition


@pytest.fixture(params=["numpy", "numba"])
def session(request):
    return opened(request.param)


def opened(engine):
    settings = Settings(DT, None, None, rng_seed=1, options={"engine": engine})
    return ReferenceBackend().open(settings, SerialCommunicator())


def population(number, definition, size, first=0, initial=None, **parameters):
    values = {n: Ragged.from_list([[]] * size) if p.is_array else p.default for n, p in definition.parameters.items()}
    states = {n: s.initial for n, s in definition.states.items()}
    return PopulationSpec(
        number, f"p{number}", definition, size, first, {**values, **parameters}, {**states, **(initial or {})}
    )


def trains(number, first, *times):
    rows = Ragged.from_list(times)
    return population(number, cells.SpikeSourceArray.definition, len(times), first, spike_times=rows)


def projection(number, pre, post, table, receptor="excitatory"):
    return ProjectionSpec(number, f"c{number}", np.asarray(pre), np.asarray(post), receptor, STATIC, table)


def table(pairs, delay, weight):
    pre, post = (np.array([p[k] for p in pairs], dtype=np.int32) for k in (0, 1))
    return ConnectionTable(pre, post, delay, {"weight": weight})


def recording(number, of, variable, size, **settings):
    return RecordingSpec(number, of, variable, np.arange(size), **settings)


def noisy_network(rng, size=60, definition=cells.IF_cond_exp.definition, scale=0.01):
    """Heterogeneous cells, drawn weights and delays, an assembly of two populations on both sides, Poisson input."""
    half = size // 2
    kwargs = {"initial": {"v": rng.uniform(-65, -50, half)}, "i_offset": 0.3}
    first = population(0, definition, half, 0, tau_m=rng.uniform(10, 30, half), tau_refrac=1.0, **kwargs)
    second = population(1, definition, size - half, half, tau_refrac=2.0, **kwargs)
    source = population(2, cells.SpikeSourcePoisson.definition, 20, size, rate=200.0)
    pre, post = rng.integers(0, size, 900), np.sort(rng.integers(0, size, 900))
    recurrent = ConnectionTable(
        pre.astype(np.int32), post.astype(np.int32), rng.integers(2, 25, 900).astype(np.int32),
        {"weight": rng.random(900) * scale},
    )
    everyone = np.arange(size)
    drive = table([(k % 20, k) for k in range(size)], 3, 3 * scale)
    return NetworkSpec(
        [first, second, source],
        [projection(0, everyone, everyone, recurrent), projection(1, np.arange(size, size + 20), everyone, drive)],
        [],
        [recording(0, 0, "v", half), recording(1, 0, "spikes", half), recording(2, 1, "spikes", size - half),
         recording(3, 2, "spikes", 20)],
    )


# -- time


def test_a_spike_of_step_s_over_d_steps_moves_the_potential_first_at_s_plus_d_plus_1(session):
    cell = population(0, cells.IF_curr_exp.definition, 1)
    connected = projection(0, [1], [0], table([(0, 0)], 5, 0.5))
    session.build(NetworkSpec([cell, trains(1, 1, [1.0])], [connected], [], [recording(0, 0, "v", 1),
                                                                       recording(1, 0, "isyn_exc", 1)]))
    session.advance(20)
    v, current = session.collect(0)[:, 0], session.collect(1)[:, 0]
    assert np.flatnonzero(current > 0)[0] == 15
    assert current[15] == 0.5
    assert np.flatnonzero(v > -65.0)[0] == 16


def test_a_voltage_jump_is_there_at_s_plus_d_and_a_spike_at_time_0_counts(session):
    cell = population(0, cells.IF_curr_delta.definition, 1)
    connected = projection(0, [1], [0], table([(0, 0)], 2, 3.0))
    session.build(NetworkSpec([cell, trains(1, 1, [0.0, 1.0])], [connected], [], [recording(0, 0, "v", 1)]))
    session.advance(15)
    v = session.collect(0)[:, 0]
    assert np.flatnonzero(np.diff(v) > 0).tolist() == [1, 11]
    assert v[2] == -62.0


def test_a_refractory_cell_stands_still_for_exactly_that_many_updates_and_loses_voltage_jumps(session):
    cell = population(0, cells.IF_curr_delta.definition, 1, tau_refrac=0.5, i_offset=0.4)
    connected = projection(0, [1], [0], table([(0, 0)], 1, 20.0))
    session.build(NetworkSpec([cell, trains(1, 1, [0.9, 1.0, 1.1, 1.2, 1.3, 1.4])], [connected], [],
                          [recording(0, 0, "v", 1), recording(1, 0, "spikes", 1)]))
    session.advance(20)
    v = session.collect(0)[:, 0]
    assert session.collect(1).steps.tolist() == [10]
    assert np.all(v[10:16] == -65.0)
    assert v[16] > -65.0


def test_injected_current_acts_in_the_update_that_begins_at_its_time(session):
    cell = population(0, cells.IF_curr_exp.definition, 2)
    source = CurrentSpec(0, electrodes.DCSource.definition, {"amplitude": 0.5, "start": 1.0, "stop": 2.0},
                         np.array([1, 1]))
    session.build(NetworkSpec([cell], [], [source], [recording(0, 0, "v", 2)]))
    session.advance(30)
    v = session.collect(0)
    assert np.all(v[:, 0] == -65.0)
    rising = np.flatnonzero(np.diff(v[:, 1]) > 0)
    assert (rising[0], rising[-1]) == (10, 19)
    assert v[11, 1] == pytest.approx(-65 + 1.0 * 20.0 * -np.expm1(-0.1 / 20), rel=1e-14)
    session.write_current(CurrentSpec(0, source.model, {"amplitude": 1.0, "start": 1.0, "stop": 9.0}, np.array([0])))
    session.advance(1)
    assert session.read_cells(0, "v")[0] > -65.0


# -- results do not depend on how a run is cut


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_results_are_the_same_to_the_last_bit_however_the_run_is_cut(engine):
    results = []
    for parts in ([400], [1] * 7 + [93, 200, 100]):
        session = opened(engine)
        session.build(noisy_network(np.random.default_rng(3)))
        for steps in parts:
            session.advance(steps)
        results.append((session.collect(0), session.collect(1), session.collect(2), session.collect(3)))
    for one, other in zip(*results, strict=True):
        if isinstance(one, np.ndarray):
            assert np.array_equal(one, other)
        else:
            assert np.array_equal(one.steps, other.steps)
            assert np.array_equal(one.cells, other.cells)
    assert len(results[0][1].steps) > 50


@pytest.mark.parametrize("cell_type", [cells.IF_curr_exp, cells.IF_curr_alpha, cells.IF_curr_delta, cells.IF_cond_exp,
                                       cells.IF_cond_alpha])
def test_compiled_and_plain_kernels_agree(cell_type):
    """Same expressions in the same order; only the library's exp and the like could differ, hence 1e-12 mV."""
    scale = {"IF_curr_exp": 0.3, "IF_curr_alpha": 0.5, "IF_curr_delta": 4.0}.get(cell_type.__name__, 0.02)
    results = []
    for engine in ("numpy", "numba"):
        session = opened(engine)
        session.build(noisy_network(np.random.default_rng(5), definition=cell_type.definition, scale=scale))
        session.advance(1000)
        results.append([session.collect(k) for k in range(4)])
    plain, compiled = results
    assert np.max(np.abs(plain[0] - compiled[0])) < 1e-12
    for k in (1, 2, 3):
        assert np.array_equal(plain[k].steps, compiled[k].steps)
        assert np.array_equal(plain[k].cells, compiled[k].cells)
        assert len(plain[k].steps) > 30


# -- recording


def test_recordings_start_in_the_middle_are_cleared_and_stopped(session):
    session.build(NetworkSpec([population(0, cells.IF_curr_exp.definition, 3, i_offset=0.5)], [], [],
                          [recording(0, 0, "v", 3), RecordingSpec(1, 0, "v", np.array([0, 2]), every_steps=4)]))
    assert session.collect(0).shape == (1, 3)
    session.write_cells(0, "v", np.array([1]), -60.0)
    session.advance(10)
    everything = session.collect(0)
    assert everything.shape == (11, 3)
    assert everything[0].tolist() == [-65.0, -60.0, -65.0]
    assert np.array_equal(session.collect(1), everything[::4][:, [0, 2]])
    session.build(NetworkSpec(recordings=[RecordingSpec(2, 0, "v", np.array([1]), every_steps=3, start_step=10)]))
    session.clear(1)
    session.advance(9)
    everything = session.collect(0)
    assert np.array_equal(session.collect(2), everything[10::3][:, [1]])
    assert np.array_equal(session.collect(1), everything[10::4][:, [0, 2]])
    session.stop(0)
    with pytest.raises(InternalError, match="no recording 0"):
        session.collect(0)
    session.advance(5)
    assert session.collect(2).shape == (5, 1)


def test_spikes_of_some_cells_in_order_of_step_then_cell(session):
    cell = population(0, cells.IF_curr_exp.definition, 4, i_offset=np.array([1.0, 1.2, 1.2, 2.0]), tau_refrac=1.0)
    session.build(NetworkSpec([cell], [], [], [RecordingSpec(0, 0, "spikes", np.array([1, 2, 3])),
                                          recording(1, 0, "spikes", 4)]))
    session.advance(1000)
    some, everything = session.collect(0), session.collect(1)
    keep = everything.cells > 0
    assert np.array_equal(some.steps, everything.steps[keep])
    assert np.array_equal(some.cells, everything.cells[keep])
    assert np.all(np.diff(everything.steps * 4 + everything.cells) > 0)
    session.clear(1)
    assert len(session.collect(1).steps) == 0
    session.advance(500)
    assert session.collect(1).steps.min() > 1000


# -- reading and writing


def test_parameters_and_states_written_between_runs_act_from_the_next_step(session):
    session.build(NetworkSpec([population(0, cells.IF_curr_exp.definition, 2)], [], [], [recording(0, 0, "v", 2)]))
    session.advance(5)
    session.write_cells(0, "i_offset", np.array([1]), 0.5)
    session.advance(1)
    expected = -65.0 + 0.5 * 20.0 * -np.expm1(-0.1 / 20.0)
    assert session.read_cells(0, "v") == pytest.approx([-65.0, expected], rel=1e-14)
    session.write_cells(0, "i_offset", np.array([0, 1]), np.array([0.0, 0.0]))
    session.write_cells(0, "v", np.array([0]), -55.0)
    session.advance(1)
    after = np.array([-55.0, expected])
    assert session.read_cells(0, "v") == pytest.approx(-65.0 + (after + 65.0) * np.exp(-0.1 / 20.0), rel=1e-14)
    assert session.read_cells(0, "tau_m").tolist() == [20.0, 20.0]
    for action in (lambda: session.read_cells(0, "tau"), lambda: session.write_cells(0, "tau", np.array([0]), 1.0)):
        with pytest.raises(NonExistentParameterError, match="Did you mean 'tau_m'"):
            action()


def test_weights_and_delays_are_read_and_written_in_the_order_of_the_table(session):
    pairs = [(1, 0), (0, 1), (1, 1), (0, 2)]
    cell = population(0, cells.IF_curr_delta.definition, 3)
    synapse = projection(0, [3, 4], [0, 1, 2], table(pairs, np.array([1, 2, 3, 4], dtype=np.int32),
                                                     np.array([1.0, 2.0, 3.0, 4.0])))
    session.build(NetworkSpec([cell, trains(1, 3, [1.0, 3.0], [1.0, 3.0])], [synapse], [], [recording(0, 0, "v", 3)]))
    session.advance(20)
    jumps = np.diff(session.collect(0), axis=0)
    assert jumps[10, 0] == pytest.approx(1.0) and jumps[11, 1] == pytest.approx(2.0, abs=0.01)
    assert jumps[12, 1] == pytest.approx(3.0, abs=0.05) and jumps[13, 2] == pytest.approx(4.0)
    session.write_synapses(0, "weight", [1.5, 2.5, 0.5, 3.5])
    session.write_synapses(0, "delay", np.array([0.4, 0.3, 0.2, 0.1]))
    assert session.read_synapses(0, "weight").tolist() == [1.5, 2.5, 0.5, 3.5]
    assert session.read_synapses(0, "delay") == pytest.approx([0.4, 0.3, 0.2, 0.1])
    pre, post = session.read_connections(0)
    assert list(zip(pre.tolist(), post.tolist(), strict=True)) == pairs
    session.advance(20)
    jumps = np.diff(session.collect(0), axis=0)
    assert jumps[33, 0] == pytest.approx(1.5, abs=0.05) and jumps[32, 1] == pytest.approx(2.5, abs=0.05)
    assert jumps[31, 1] == pytest.approx(0.5, abs=0.05) and jumps[30, 2] == pytest.approx(3.5, abs=0.05)
    session.write_synapses(0, "weight", 2.5)
    assert session.read_synapses(0, "weight").tolist() == [2.5] * 4
    with pytest.raises(InvalidDimensionsError, match="3 values for 4 connections"):
        session.write_synapses(0, "weight", [1.0, 2.0, 3.0])
    with pytest.raises(InvalidTimeError, match="under the time step"):
        session.write_synapses(0, "delay", 0.0)
    with pytest.raises(NonExistentParameterError):
        session.read_synapses(0, "wait")


# -- building in parts


def test_populations_and_connections_can_come_after_a_run_and_input_under_way_is_kept(session):
    cell = population(0, cells.IF_curr_delta.definition, 1)
    first = projection(0, [1], [0], table([(0, 0)], 12, 1.0))
    session.build(NetworkSpec([cell, trains(1, 1, [0.5])], [first], [], [recording(0, 0, "v", 1)]))
    session.advance(8)
    late = projection(1, [2, 1], [0], table([(0, 0), (1, 0)], np.array([40, 1], dtype=np.int32), 2.0))
    session.build(NetworkSpec([trains(2, 2, [0.8, 1.0])], [late], [], []))
    session.advance(60)
    jumps = np.diff(session.collect(0)[:, 0])
    assert np.flatnonzero(jumps > 0.5).tolist() == [16, 47, 49]
    assert jumps[16] == pytest.approx(1.0, rel=1e-12)


def test_populations_without_cells_and_projections_without_connections(session):
    definition = cells.IF_cond_exp.definition
    empty = ConnectionTable(np.empty(0, np.int32), np.empty(0, np.int32), 1, {"weight": 0.1})
    session.build(NetworkSpec(
        [population(0, definition, 0), population(1, definition, 2), trains(2, 2)],
        [projection(0, [0, 1], [0, 1], empty), projection(1, [], [0, 1], empty)], [],
        [recording(0, 0, "v", 0), recording(1, 0, "spikes", 0), recording(2, 1, "v", 2), RecordingSpec(
            3, 1, "v", np.empty(0, dtype=np.int64))],
    ))
    session.advance(7)
    assert session.collect(0).shape == (8, 0)
    assert session.collect(3).shape == (8, 0)
    assert session.collect(2).shape == (8, 2)
    assert len(session.collect(1).steps) == 0
    assert session.read_synapses(0, "weight").shape == (0,)


def test_a_build_that_fails_leaves_nothing_behind(session):
    good = population(0, cells.IF_curr_exp.definition, 2)
    with pytest.raises(InvalidDimensionsError, match="3 values for 2 cells"):
        session.build(NetworkSpec([good, population(1, cells.IF_curr_exp.definition, 2, 2, tau_m=np.ones(3))]))
    with pytest.raises(InternalError, match="no population 0"):
        session.read_cells(0, "v")
    session.build(NetworkSpec([good], [], [], [recording(0, 0, "v", 2)]))
    session.advance(3)
    assert session.collect(0).shape == (4, 2)


def test_closing_twice_is_harmless_and_ends_the_session(session):
    session.build(NetworkSpec([population(0, cells.IF_curr_exp.definition, 2)]))
    session.close()
    session.close()
    with pytest.raises(InternalError, match="closed"):
        session.advance(1)


# -- what goes wrong


def explosive() -> Definition:
    """dv/dt = v**2 per mV and ms, which is infinite at 1/v(0)."""
    return Definition(
        "Explosive", {"tau": Parameter(1.0, "ms"), "one": Parameter(1.0, "mV")}, {"v": State(0.0, "mV")},
        equations="dv/dt = v**2/(tau*one) : mV",
    )


def test_a_state_that_is_not_finite_is_reported_with_cell_variable_and_step(session):
    session.build(NetworkSpec([population(0, explosive(), 3, initial={"v": np.array([1 / 5.25, 1 / 3.25, 0.0])})]))
    report = r"'v' of cell 1 of p0 became (nan|inf) in the step from 3.2 to 3.3 ms \(1 cell"
    with pytest.raises(SimulatorError, match=report):
        session.advance(40)
    # Nothing is simulated on, and the report stays that of the beginning.
    step = session.current_step
    with pytest.raises(SimulatorError, match=report):
        session.advance(40)
    assert session.current_step == step


def test_a_state_that_is_not_finite_for_a_single_step_is_reported(session):
    definition = Definition(
        "Transient", {"big": Parameter(1e200, "1"), "tau": Parameter(1.0, "ms")},
        {"n": State(0.0, "1"), "w": State(0.0, "1")},
        equations="dn/dt = 0*n/tau : 1\n dw/dt = 0*w/tau : 1", threshold="n > -1",
        reset="w = ite(n == 2, -big*big, 0); n += 1",
    )
    session.build(NetworkSpec([population(0, definition, 70)]))
    with pytest.raises(SimulatorError, match=r"'w' of cell 0 of p0 became -inf .* from 0.2 to 0.3 ms \(70 cell"):
        session.advance(10)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_slices_of_cells_report_the_first_of_all(threads):
    settings = Settings(DT, None, None, rng_seed=1, threads=threads)
    session = ReferenceBackend().open(settings, SerialCommunicator())
    start = np.zeros(300)
    start[[40, 130, 250, 251]] = 1 / np.array([4.25, 3.25, 2.25, 2.25])
    session.build(NetworkSpec([population(0, explosive(), 300, initial={"v": start})]))
    with pytest.raises(SimulatorError, match=r"'v' of cell 250 of p0 became .* from 2.2 to 2.3 ms \(2 cell"):
        session.advance(50)


def test_what_cannot_be_built_is_said_before_anything_is_created():
    backend, settings = ReferenceBackend(), Settings(DT, None, None, 1)
    cell = population(0, cells.IF_curr_exp.definition, 1)
    native = ProjectionSpec(0, "c", np.array([0]), np.array([0]), "excitatory", STATIC, None)
    with pytest.raises(CapabilityError, match="native=True"):
        backend.check(NetworkSpec([cell], [native]), settings)
    with pytest.raises(NoModelAvailableError, match="unheard of"):
        backend.check(NetworkSpec([population(0, Definition("G", {}, source="unheard of"), 1)]), settings)
    with pytest.raises(NoModelAvailableError, match="no equations"):
        backend.check(NetworkSpec([population(0, Definition("G", {}), 1)]), settings)
    plastic = ProjectionSpec(0, "c", np.array([0]), np.array([0]), "excitatory",
                             Definition("Plastic", {**STATIC.parameters, "U": Parameter(0.5, "")}), table([], 1, 0.1))
    with pytest.raises(NoModelAvailableError, match="Plastic"):
        backend.check(NetworkSpec([cell], [plastic]), settings)


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
from pyNN.backend import Settings
from pyNN.specs import NetworkSpec, PopulationSpec, RecordingSpec
from pyNN.parallel import SerialCommunicator
from pyNN.reference.backend import ReferenceBackend
from pyNN.standardmodels.cells import IF_cond_exp

definition = IF_cond_exp.definition
settings = Settings(0.1, None, None, 1, options={"engine": sys.argv[1]})
session = ReferenceBackend().open(settings, SerialCommunicator())
values = {n: p.default for n, p in definition.parameters.items()}
states = {n: s.initial for n, s in definition.states.items()}
cells = PopulationSpec(0, "p", definition, 100, 0, {**values, "i_offset": 2.0}, states)
recordings = [RecordingSpec(0, 0, "v", np.arange(1)), RecordingSpec(1, 0, "spikes", np.arange(100))]
session.build(NetworkSpec([cells], [], [], recordings))
session.advance(1)
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
began = time.perf_counter()
try:
    session.advance(10**9)
except KeyboardInterrupt:
    took = time.perf_counter() - began
    step = session.current_step
    assert 1 < step < 10**9 and took < 5.0, (step, took)
    assert len(session.collect(0)) == step + 1
    spikes = session.collect(1)
    assert np.unique(spikes.steps * 100 + spikes.cells).size == spikes.steps.size > 0
    session.advance(3)
    assert len(session.collect(0)) == step + 4
    print("stopped")
"""


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_an_interrupt_stops_at_an_interval_and_keeps_the_data(engine):
    run = subprocess.run([sys.executable, "-c", INTERRUPTED, engine], capture_output=True, text=True, timeout=100)
    assert run.stdout.strip() == "stopped", run.stderr


def test_a_run_in_another_thread_works():
    session = opened("numba")
    session.build(NetworkSpec([population(0, cells.IF_curr_exp.definition, 2)], [], [], [recording(0, 0, "v", 2)]))
    thread = threading.Thread(target=session.advance, args=(50,))
    thread.start()
    thread.join()
    assert session.collect(0).shape == (51, 2)


# -- models of one's own


def test_a_compiled_model_of_a_users_own_needs_no_sympy_in_the_next_process(tmp_path):
    program = textwrap.dedent("""
        import sys
        from pyNN.models import Definition, Parameter, Receptor, State
        from pyNN.equations import store
        from pyNN.specs import PopulationSpec
        from pyNN.compilation import load, pool
        from pyNN.reference.numba_engine import kernel_unit
        from pyNN.reference.world import CellGroup
        model = Definition("Mine", {"tau": Parameter(1.0, "ms")}, {"v": State(0.0, "mV")},
                           {"excitatory": Receptor("mV", "v += weight")}, equations="dv/dt = -v/tau : mV")
        group = CellGroup(PopulationSpec(0, "p", model, 3, 0, {"tau": 2.0}, {"v": 1.0}), 0.1)
        group.refresh()
        load(kernel_unit(group))
        print("sympy" in sys.modules, pool.number_of_workers_started())
    """)
    environment = {**os.environ, "PYNN_CORE_CACHE": str(tmp_path)}
    results = [
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=100)
        for _ in range(2)
    ]
    assert [r.stdout.strip() for r in results] == ["True 1", "False 0"], results[0].stderr + results[1].stderr
