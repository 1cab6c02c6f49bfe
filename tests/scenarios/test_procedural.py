"""The procedural functions create, connect, set, record, initialize, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import InvalidModelError, NonExistentParameterError, NotSetUpError


@pytest.mark.requires("dynamics")
def test_a_whole_script(sim, tmp_path):
    import neo

    sim.setup(timestep=0.1, min_delay=0.5)
    cells = sim.create(sim.IF_curr_exp, {"i_offset": 0.0, "tau_m": 10.0}, n=3)
    source = sim.create(sim.SpikeSourceArray(spike_times=[5.0]))
    assert cells.size == 3 and source.size == 1 and isinstance(cells, sim.Population)
    projection = sim.connect(source, cells, weight=0.5, delay=1.0, receptor_type="excitatory")
    assert projection.get(["weight", "delay"], "list") == [(0, j, 0.5, 1.0) for j in range(3)]
    sim.set(cells, tau_m=20.0)
    sim.set(cells[1], i_offset=1.0)
    sim.initialize(cells, v=-60.0)
    sim.initialize(cells[2], v=-70.0)
    sim.record("v", cells, str(tmp_path / "v.pkl"), sampling_interval=1.0, annotations={"part": "all"})
    sim.record(["spikes"], cells[:2], str(tmp_path / "spikes.pkl"))
    sim.run(50.0)
    sim.end()
    signal = neo.io.PickleIO(str(tmp_path / "v.pkl")).read_block().segments[0].analogsignals[0]
    assert signal.shape == (51, 3) and signal.magnitude[0].tolist() == [-60.0, -60.0, -70.0]
    assert cells.get("tau_m") == 20.0 and np.array_equal(cells.get("i_offset"), [0.0, 1.0, 0.0])
    trains = neo.io.PickleIO(str(tmp_path / "spikes.pkl")).read_block().segments[0].spiketrains
    assert [len(t) > 0 for t in trains] == [False, True]


def test_cells_lists_and_assemblies_may_be_connected(sim):
    sim.setup(timestep=0.1)
    a, b = sim.create(sim.IF_curr_exp(), n=4), sim.create(sim.IF_curr_exp(), n=3)
    single = sim.connect(a[1], b[2], weight=0.1, delay=1.0)
    assert single[0].presynaptic_cell == a[1] and single[0].postsynaptic_cell == b[2] and len(single) == 1
    some = sim.connect([a[0], a[2]], b, weight=0.1)
    assert [c.presynaptic_cell for c in some] == [a[0], a[2]] * 3
    assert len(sim.connect(a + b, [a, b[0]], weight=0.1)) == 7 * 5
    assert 0 < len(sim.connect(a, b, weight=0.1, p=0.5, rng=sim.NumpyRNG(4))) < 12
    expected = np.random.RandomState(4).uniform(size=(3, 4)).T < 0.5
    again = sim.connect(a, b, weight=0.1, p=0.5, rng=sim.NumpyRNG(4))
    assert np.array_equal(np.isfinite(again.get("weight", "array")), expected)


@pytest.mark.parametrize("names, kind", [("v", "record_v"), (["gsyn_exc", "gsyn_inh"], "record_gsyn")])
def test_short_forms_of_record(sim, tmp_path, names, kind):
    sim.setup(timestep=0.1)
    cells = sim.create(sim.IF_cond_exp(), n=2)
    getattr(sim, kind)(cells, str(tmp_path / "data.pkl"))
    sim.run(1.0)
    sim.end()
    assert (tmp_path / "data.pkl").exists()
    found = [s.name for s in cells.get_data().segments[0].analogsignals]
    assert found == ([names] if isinstance(names, str) else names)


def test_what_is_no_cell_is_refused(sim):
    sim.setup()
    cells = sim.create(sim.IF_curr_exp())
    with pytest.raises(InvalidModelError, match="Cells are"):
        sim.set(3, tau_m=1.0)
    with pytest.raises(InvalidModelError):
        sim.record("v", "cells")
    with pytest.raises(NonExistentParameterError):
        sim.set(cells, tau_mm=1.0)
    with pytest.raises(InvalidModelError):
        sim.create("IF_curr_exp")


def test_nothing_works_before_setup(sim):
    script = type(sim.script)(sim.script.backend)
    for call in (
        lambda: script.create(sim.IF_curr_exp()),
        lambda: script.run(1.0),
        lambda: script.reset(),
        lambda: script.end(),
        lambda: script.get_current_time(),
        lambda: script.Population(1, sim.IF_curr_exp()),
    ):
        with pytest.raises(NotSetUpError, match="setup"):
            call()
    sim.setup()
