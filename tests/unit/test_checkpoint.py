"""A simulation that goes on from a saved state gives every bit that it would have given without stopping."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.checkpoint.container import read, write
from pyNN.errors import CapabilityError, CheckpointError, FileFormatError, InvalidParameterValueError
from pyNN.random import RandomDistribution

pytestmark = pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning", "ignore::pyNN.errors.PastSpikesWarning")


def uniform(low: float, high: float) -> RandomDistribution:
    return RandomDistribution("uniform", low=low, high=high)


class Net:
    """A network with something of everything that has a past."""

    def __init__(self, size: int = 60, **options: Any) -> None:
        sim.setup(timestep=0.1, **{"rng_seed": 7, **options})
        self.cells = sim.Population(size, sim.IF_cond_exp(tau_m=uniform(15.0, 25.0)), label="cells")
        self.others = sim.Population(size // 3, sim.EIF_cond_exp_isfa_ista(), label="others")
        self.poisson = sim.Population(30, sim.SpikeSourcePoisson(rate=250.0), label="poisson")
        self.counted = sim.Population(size, sim.SpikeSourcePoisson(rate=8000.0), label="counted")
        self.gamma = sim.Population(10, sim.SpikeSourceGamma(alpha=3.0, beta=600.0), label="gamma")
        self.changing = sim.Population(
            5, sim.SpikeSourceInhGamma(a=[3.0, 2.0], b=[0.002, 0.004], tbins=[0.0, 21.3]), label="changing"
        )
        self.trains = sim.Population(5, sim.SpikeSourceArray(spike_times=[[1.0, 5.0, 23.3, 31.0, 40.0]] * 5))
        self.dead = sim.Population(10, sim.SpikeSourcePoissonRefractory(rate=100.0, tau_refrac=3.0), label="dead")
        self.cells.initialize(v=uniform(-65.0, -51.0))
        stdp = sim.STDPMechanism(
            timing_dependence=sim.SpikePairRule(),
            weight_dependence=sim.AdditiveWeightDependence(w_max=0.012),
            weight=uniform(0.003, 0.006),
            delay=uniform(0.2, 2.0),
        )
        some = sim.FixedProbabilityConnector
        self.stdp = sim.Projection(self.cells, self.cells, some(0.15), stdp, label="stdp")
        self.static = sim.Projection(self.poisson, self.cells, some(0.4), self._static(), label="static")
        self.short_term = sim.Projection(
            self.poisson, self.others, some(0.3), sim.TsodyksMarkramSynapse(weight=0.02, delay=0.5, U=0.3)
        )
        stochastic = sim.SimpleStochasticSynapse(weight=0.01, p=0.5, delay=0.4)
        self.projections = [self.stdp, self.static, self.short_term]
        self.projections.append(sim.Projection(self.cells, self.others, some(0.2), stochastic))
        self.projections.append(
            sim.Projection(
                self.others, self.cells, some(0.2), sim.StaticSynapse(weight=0.05, delay=0.4),
                receptor_type="inhibitory", label="inhibition",
            )
        )  # fmt: skip
        self.projections.append(
            sim.Projection(
                self.counted, self.cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.0008, delay=0.4)
            )
        )
        for source in (self.gamma, self.changing, self.trains):
            self.projections.append(sim.Projection(source, self.cells, some(0.4), self._static()))
        self.projections.append(sim.Projection(self.dead, self.cells, some(0.4), stdp))
        sim.Projection(self.cells, self.cells, some(0.05), sim.ElectricalSynapse(weight=0.0005))
        self.noise = sim.NoisyCurrentSource(mean=0.1, stdev=0.4, start=5.0, stop=45.0, dt=0.5)
        self.noise.inject_into(self.cells[::2])
        self.wave = sim.ACSource(amplitude=0.1, frequency=20.0)
        self.wave.inject_into(self.others)
        self.wave.record()
        self.populations = [
            self.cells, self.others, self.poisson, self.counted, self.gamma, self.changing, self.trains, self.dead,
        ]  # fmt: skip
        for population in self.populations:
            population.record("spikes")
        self.cells[2:31:5].record("v", sampling_interval=0.3)
        self.stdp.record("weight", sampling_interval=7.0)

    def _static(self) -> Any:
        return sim.StaticSynapse(weight=uniform(0.003, 0.006), delay=uniform(0.1, 3.0))

    def change(self) -> None:
        """All that a script can change between two runs."""
        self.poisson.set(rate=400.0)
        self.counted.set(rate=50.0)
        self.trains.set(spike_times=[27.0, 33.0])
        self.cells[3:9].set(tau_m=12.0)
        self.gamma.set(beta=900.0)
        self.dead.set(tau_refrac=1.0)
        self.changing.set(start=uniform(0.0, 40.0))
        self.cells[::2].initialize(v=uniform(-66.0, -60.0))
        self.static.set(weight=0.004)
        self.stdp.set(delay=0.9)
        self.stdp.set(weight=uniform(0.001, 0.004))
        self.projections[4].set(delay=1.7)
        self.short_term.initialize(u=0.4)
        self.wave.amplitude = 0.3
        self.noise.inject_into(self.others)
        self.others.record("v")

    def data(self) -> list[Any]:
        """All that it has to tell."""
        found: list[Any] = []
        blocks = [group.get_data() for group in (*self.populations, self.stdp)]
        for block in blocks:
            for segment in block.segments:
                found += [np.asarray(train.magnitude) for train in segment.spiketrains]
                found += [np.asarray(signal.magnitude) for signal in segment.analogsignals]
        found += [np.array(projection.get("weight", "list")) for projection in self.projections]
        found.append(np.array(self.short_term.get("u", "list")))
        return [*found, np.asarray(self.wave.get_data().magnitude)]


def assert_same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        assert np.array_equal(x, y), f"item {k} of {len(a)} differs"


@pytest.fixture(scope="module")
def uninterrupted() -> list[Any]:
    net = Net()
    sim.run(50.0)
    data = net.data()
    assert sum(len(train) for train in data[:80]) > 100
    return data


@pytest.mark.parametrize("cut", [0.0, 0.1, 13.7, 27.0, 50.0])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_going_on_gives_the_same_bits(
    uninterrupted: list[Any], tmp_path: Path, cut: float, threads: int
) -> None:
    net = Net()
    sim.run(cut)
    sim.save_state(tmp_path / "state.h5")
    sim.run(50.0 - cut)
    # Saving has changed nothing.
    assert_same(net.data(), uninterrupted)
    net = Net(threads=threads)
    sim.restore_state(tmp_path / "state.h5")
    assert sim.get_current_time() == cut
    sim.run_until(50.0)
    assert_same(net.data(), uninterrupted)


def test_the_plain_engine_goes_on_too(tmp_path: Path) -> None:
    net = Net(size=24, engine="numpy")
    sim.run(10.3)
    sim.save_state(tmp_path / "state.h5")
    sim.run(10.0)
    expected = net.data()
    net = Net(size=24, engine="numpy")
    sim.restore_state(tmp_path / "state.h5")
    sim.run(10.0)
    assert_same(net.data(), expected)


def test_engines_go_on_from_each_other_where_synapses_have_no_states(tmp_path: Path) -> None:
    def build(engine: str) -> Any:
        sim.setup(timestep=0.1, engine=engine)
        cells = sim.Population(20, sim.IF_curr_exp(tau_m=uniform(10.0, 20.0)))
        source = sim.Population(20, sim.SpikeSourcePoisson(rate=300.0))
        synapse = sim.StaticSynapse(weight=uniform(0.1, 1.0), delay=uniform(0.1, 3.0))
        sim.Projection(source, cells, sim.FixedProbabilityConnector(0.5), synapse)
        cells.record(["spikes", "v"])
        return cells

    def run(engine: str, restored: bool) -> Any:
        cells = build(engine)
        if restored:
            sim.restore_state(tmp_path / "state.h5")
        else:
            sim.run(20.0)
            sim.save_state(tmp_path / "state.h5")
        sim.run(20.0)
        segment = cells.get_data().segments[0]
        return [np.asarray(t.magnitude) for t in segment.spiketrains], np.asarray(segment.analogsignals[0].magnitude)

    for first, second in (("numba", "numpy"), ("numpy", "numba")):
        spikes, v = run(first, restored=False)
        other_spikes, other_v = run(second, restored=True)
        assert sum(map(len, spikes)) > 20
        assert_same(spikes, other_spikes)
        # Both engines round sums of three or more terms in an order of their own.
        assert np.abs(v - other_v).max() < 1e-10


def test_another_engine_is_refused_where_synapses_have_states_and_nothing_is_changed(tmp_path: Path) -> None:
    Net(size=24)
    sim.run(5.0)
    sim.save_state(tmp_path / "state.h5")
    net = Net(size=24, engine="numpy")
    sim.run(2.0)
    before = net.data()
    with pytest.raises(CapabilityError, match="'stdp'.*Say setup\\(engine='numba'\\)"):
        sim.restore_state(tmp_path / "state.h5")
    assert sim.get_current_time() == 2.0
    assert_same(net.data(), before)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("later", [0.0, 12.3])
def test_what_a_script_changed_since_comes_from_the_file(tmp_path: Path, threads: int, later: float) -> None:
    net = Net()
    sim.run(15.0)
    net.change()
    sim.run(later)
    sim.save_state(tmp_path / "state.h5")
    sim.run(10.0)
    expected = net.data()
    net = Net(threads=threads)
    sim.restore_state(tmp_path / "state.h5")
    assert net.wave.amplitude == 0.3
    assert net.poisson.get("rate") == 400.0
    sim.run(10.0)
    assert_same(net.data(), expected)


def test_one_process_can_go_back(tmp_path: Path) -> None:
    net = Net()
    sim.run(10.0)
    sim.save_state(tmp_path / "state.h5")
    sim.run(8.0)
    expected = net.data()
    net.poisson.set(rate=10.0)
    net.cells[::2].set(tau_m=3.0)
    net.wave.frequency = 5.0
    sim.run(5.0)
    sim.restore_state(tmp_path / "state.h5")
    assert (net.poisson.get("rate"), net.wave.frequency) == (250.0, 20.0)
    sim.run(8.0)
    assert_same(net.data(), expected)


def test_going_back_before_changes_of_connections_is_refused(tmp_path: Path) -> None:
    net = Net(size=24)
    sim.run(10.0)
    sim.save_state(tmp_path / "state.h5")
    net.static.set(weight=0.001)
    sim.run(1.0)
    with pytest.raises(CheckpointError, match="the weights of the projection 'static' changed after"):
        sim.restore_state(tmp_path / "state.h5")
    assert sim.get_current_time() == 11.0


def test_trials_and_their_segments_are_kept(tmp_path: Path) -> None:
    net = Net()
    sim.run(10.0)
    sim.reset(annotations={"trial": 1, "list": [1.0, 2.0]})
    sim.run(7.0)
    sim.save_state(tmp_path / "state.h5")
    sim.run(6.0)
    sim.reset()
    sim.run(3.0)
    expected = net.data()
    net = Net(threads=2)
    sim.restore_state(tmp_path / "state.h5")
    assert net.cells.get_data().segments[0].annotations["list"] == [1.0, 2.0]
    sim.run(6.0)
    sim.reset()
    sim.run(3.0)
    assert_same(net.data(), expected)


def test_a_state_can_be_saved_again_and_again(tmp_path: Path) -> None:
    net = Net()
    sim.run(24.0)
    expected = net.data()
    Net()
    for k in range(6):
        if k:
            net = Net(threads=1 + k % 3)
            sim.restore_state(tmp_path / "state.h5")
        sim.run(4.0)
        sim.save_state(tmp_path / "state.h5")
    assert_same(net.data(), expected)


def test_a_large_table_that_the_engine_keeps_packed(tmp_path: Path) -> None:
    def build(threads: int) -> Any:
        sim.setup(timestep=0.1, threads=threads)
        cells = sim.Population(700, sim.IF_curr_exp(i_offset=uniform(0.5, 1.2)))
        synapse = sim.StaticSynapse(weight=uniform(0.0, 0.1), delay=uniform(0.1, 3.0))
        wires = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.2), synapse)
        assert wires.size() > 1 << 16
        cells.record("spikes")
        return cells, wires

    def spikes(cells: Any) -> list[Any]:
        return [np.asarray(train.magnitude) for train in cells.get_data().segments[0].spiketrains]

    cells, wires = build(1)
    sim.run(20.0)
    sim.save_state(tmp_path / "state.h5")
    assert (tmp_path / "state.h5").stat().st_size < 8 * wires.size()
    sim.run(20.0)
    expected = spikes(cells)
    assert sum(map(len, expected)) > 300
    cells, wires = build(3)
    sim.restore_state(tmp_path / "state.h5")
    sim.run(20.0)
    assert_same(spikes(cells), expected)


def test_recording_what_was_not_recorded_before_begins_at_the_restored_time(tmp_path: Path) -> None:
    Net()
    sim.run(10.0)
    sim.save_state(tmp_path / "state.h5")
    net = Net()
    net.others.record("w")
    sim.restore_state(tmp_path / "state.h5")
    sim.run(5.0)
    (w,) = [s for s in net.others.get_data().segments[0].analogsignals if s.name == "w"]
    assert float(w.t_start) == 10.0
    assert len(w) == 51


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "state.h5"
    Net(size=24)
    sim.run(3.0)
    sim.save_state(path)
    return path


def _more_cells(path: Path) -> None:
    Net(size=25)


def _another_parameter(path: Path) -> None:
    Net(size=24).others.set(tau_w=100.0)


def _another_weight(path: Path) -> None:
    Net(size=24).static.set(weight=0.001)


def _another_delay(path: Path) -> None:
    Net(size=24).static.set(delay=1.0)


def _another_current(path: Path) -> None:
    Net(size=24).wave.frequency = 30.0


def _another_target(path: Path) -> None:
    net = Net(size=24)
    net.wave.inject_into(net.cells)


def _another_initial_value(path: Path) -> None:
    Net(size=24).short_term.initialize(u=0.1)


def _a_population_more(path: Path) -> None:
    Net(size=24)
    sim.Population(3, sim.IF_cond_exp(), label="new")


def _fewer(path: Path) -> None:
    sim.setup(timestep=0.1, rng_seed=7)
    sim.Population(24, sim.IF_cond_exp(tau_m=uniform(15.0, 25.0)), label="cells")


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (_more_cells, r"size of the population 'cells' \(24 there, 25 here\)"),
        (_another_parameter, "parameter tau_w of the population 'others'"),
        (_another_weight, "the weights of the projection 'static'"),
        (_another_delay, "the delays of the projection 'static'"),
        (_another_current, "parameter frequency of the current 'ACSource 1'"),
        (_another_target, "cells of the current 'ACSource 1'"),
        (_another_initial_value, "initial value u of the projection"),
        (_a_population_more, "the population 'new' is not in the checkpoint"),
        (_fewer, "the population 'others' is not there"),
        (lambda path: Net(size=24, rng_seed=8), r"another setup\(\): rng_seed=7 there, 8 here"),
    ],
)
def test_another_network_is_refused_with_what_differs(
    saved: Path, build: Callable[[Path], Any], sentence: str
) -> None:
    build(saved)
    with pytest.raises(CheckpointError, match=sentence):
        sim.restore_state(saved)
    assert sim.get_current_time() == 0.0


def test_other_connections_of_the_same_number_are_found(tmp_path: Path) -> None:
    def build(pairs: list[tuple[int, int]]) -> None:
        sim.setup()
        cells = sim.Population(4, sim.IF_cond_exp())
        sim.Projection(cells, cells, sim.FromListConnector([(i, j, 0.1, 1.0) for i, j in pairs]), label="wires")

    build([(0, 1), (1, 2), (2, 3)])
    sim.run(1.0)
    sim.save_state(tmp_path / "state.h5")
    build([(0, 1), (1, 3), (2, 2)])
    with pytest.raises(CheckpointError, match="who connects to whom of the projection 'wires'"):
        sim.restore_state(tmp_path / "state.h5")
    build([(2, 3), (0, 1), (1, 2)])
    sim.restore_state(tmp_path / "state.h5")


def test_a_file_that_lacks_something_is_refused(saved: Path, tmp_path: Path) -> None:
    tree = read(saved)
    for name in ("clock", "network", "settings"):
        write(tmp_path / "less.h5", {key: value for key, value in tree.items() if key != name})
        Net(size=24)
        with pytest.raises(FileFormatError, match="lacks something"):
            sim.restore_state(tmp_path / "less.h5")


@pytest.mark.parametrize("name", ["nest", "mock"])
def test_a_backend_without_checkpoints_refuses_by_name(name: str, tmp_path: Path) -> None:
    other = importlib.import_module(f"pyNN.{name}")
    other.setup()
    other.Population(2, other.IF_cond_exp())
    for call in (
        lambda: other.save_state(tmp_path / "state.h5"),
        lambda: other.restore_state(tmp_path / "state.h5"),
        lambda: other.run(1.0, checkpoint=tmp_path / "state.h5"),
    ):
        with pytest.raises(CapabilityError, match=f"The backend '{name}' cannot save or restore.*pyNN.reference can"):
            call()
    assert any("save_state" in feature for feature in other.script.backend.capabilities.missing)
    assert not list(tmp_path.iterdir())
    other.end()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"every": 3.0}, "needs the file"),
        ({"checkpoint": "a.h5", "every": 0}, "positive number of seconds"),
        ({"checkpoint": "a.h5", "every": "often"}, "positive number of seconds"),
        ({"checkpoint": 3}, "name of a file"),
        ({"checkpoint": "/no/such/folder/a.h5"}, "folder does not exist"),
    ],
)
def test_wrong_arguments_of_run(arguments: dict[str, Any], sentence: str) -> None:
    sim.setup()
    sim.Population(1, sim.IF_cond_exp())
    with pytest.raises(InvalidParameterValueError, match=sentence):
        sim.run(1.0, **arguments)
    assert sim.get_current_time() == 0.0


def test_restoring_in_a_callback_is_refused(saved: Path) -> None:
    Net(size=24)

    def callback(t: float) -> float:
        sim.restore_state(saved)
        return t + 1.0

    with pytest.raises(CapabilityError, match="not possible in a callback"):
        sim.run(2.0, callbacks=[callback])


def test_annotations_that_no_file_can_hold_are_named(tmp_path: Path) -> None:
    Net(size=24)
    sim.run(1.0)
    sim.reset(annotations={"what": object()})
    with pytest.raises(CheckpointError, match="annotations given to reset\\(\\) for 'cells'"):
        sim.save_state(tmp_path / "state.h5")
