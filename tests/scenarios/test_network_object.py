"""pyNN.network.Network: components handled together, on every backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import neo
import numpy as np
import pytest

from pyNN.errors import FileFormatError, InvalidModelError, InvalidParameterValueError, RecordingError
from pyNN.network import Network


def components(sim: Any) -> dict[str, Any]:
    sim.setup(timestep=0.1)
    cells = sim.Population(4, sim.IF_cond_exp(i_offset=1.0), label="cells")
    others = sim.Population(3, sim.IF_curr_exp(), label="others")
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0, 3.0]), label="source")
    return {
        "cells": cells,
        "others": others,
        "source": source,
        "view": sim.PopulationView(cells, [0, 2], label="view"),
        "both": sim.Assembly(cells, others, label="both"),
        "input": sim.Projection(
            source, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=0.5), label="input"
        ),
    }


def test_a_network_has_the_cells_of_its_components(sim: Any) -> None:
    c = components(sim)
    network = sim.Network(c["input"], c["view"], c["both"])
    assert sim.Network is Network
    assert network.populations == frozenset({c["cells"], c["others"], c["source"]})
    assert network.views == frozenset({c["view"]})
    assert network.assemblies == frozenset({c["both"]})
    assert network.projections == frozenset({c["input"]})
    assert network.count_neurons() == 9
    assert network.count_connections() == 8
    assert network.get_component("view") is c["view"]
    assert network.get_component("input") is c["input"]
    assert network.get_component("nobody") is None
    assert network.sim is sim.module
    assert Network().sim is None
    assert "3 populations" in repr(network)


def test_filter_gives_the_populations_of_some_types(sim: Any) -> None:
    c = components(sim)
    network = Network(c["cells"], c["others"], c["source"])
    chosen = network.filter(cell_types=[sim.IF_cond_exp, sim.SpikeSourceArray])
    assert isinstance(chosen, sim.Assembly)
    assert chosen.populations == [c["cells"], c["source"]]
    assert network.filter(sim.IF_curr_exp).populations == [c["others"]]
    assert network.filter().size == 9
    assert network.filter([sim.HH_cond_exp]).size == 0
    with pytest.raises(InvalidModelError, match="takes classes"):
        network.filter(["IF_cond_exp"])


def test_wrong_components_change_nothing(sim: Any) -> None:
    c = components(sim)
    network = Network(c["cells"])
    with pytest.raises(InvalidModelError, match="Network\\(\\*list\\)"):
        network.add(c["others"], [c["source"]])  # type: ignore[arg-type]
    assert network.populations == frozenset({c["cells"]})
    sim.setup(timestep=0.1)
    later = sim.Population(1, sim.IF_curr_exp())
    with pytest.raises(InvalidParameterValueError, match="one simulation"):
        network.add(later)
    assert network.count_neurons() == 4


def test_recording_takes_from_each_population_what_it_has(sim: Any) -> None:
    c = components(sim)
    network = Network(c["cells"], c["others"], c["source"])
    network.record(["spikes", "gsyn_exc", "v"], sampling_interval=0.5, include_spike_source=False)
    sim.run(5.0)
    blocks = {block.name: block for block in network.get_data()}
    assert list(blocks) == ["cells", "others", "source"]
    names = {label: sorted(s.name for s in block.segments[0].analogsignals) for label, block in blocks.items()}
    assert names == {"cells": ["gsyn_exc", "v"], "others": ["v"], "source": []}
    assert len(blocks["source"].segments[0].spiketrains) == 0
    v = next(s for s in blocks["cells"].segments[0].analogsignals if s.name == "v")
    assert v.shape == (11, 4)
    only = network.get_data("gsyn_exc", clear=True)
    assert [[s.name for s in block.segments[0].analogsignals] for block in only] == [["gsyn_exc"], [], []]
    # Cleared, a recording goes on from now with one sample, the present state.
    assert {len(s) for s in network.get_data()[0].segments[0].analogsignals} == {1}
    with pytest.raises(RecordingError, match="Recordable: gsyn_exc"):
        network.record("potential")
    with pytest.raises(RecordingError, match="potential"):
        network.get_data("potential")


def test_recording_by_label(sim: Any) -> None:
    c = components(sim)
    network = Network(c["both"], c["view"])
    network.record({"view": "v", "others": ["spikes"]})
    sim.run(1.0)
    (block,) = network.get_data()
    assert block.name == "both"
    (signal,) = block.segments[0].analogsignals
    assert signal.array_annotations["channel_index"].tolist() == [0, 2]
    with pytest.raises(InvalidParameterValueError, match="no population, view or assembly 'nobody'.*view"):
        network.record({"nobody": "v"})


def test_data_of_all_populations_go_into_one_file(sim: Any, tmp_path: Path) -> None:
    pytest.importorskip("nixio")
    c = components(sim)
    network = Network(c["cells"], c["others"])
    network.record("v")
    sim.run(2.0)
    expected = c["cells"].get_data().segments[0].analogsignals[0].magnitude
    with pytest.raises(FileFormatError, match="one block in a file, and these are 2"):
        network.write_data(tmp_path / "data.mat")
    network.write_data(str(tmp_path / "data.nix"), clear=True)
    assert [file.name for file in tmp_path.iterdir()] == ["data.nix"]
    with neo.io.NixIO(str(tmp_path / "data.nix"), "ro") as file:
        blocks = {block.name: block for block in file.read_all_blocks()}
    assert set(blocks) == {"cells", "others"}
    np.testing.assert_array_equal(blocks["cells"].segments[0].analogsignals[0].magnitude, expected)
    with pytest.raises(InvalidParameterValueError, match="no populations"):
        Network().write_data(str(tmp_path / "empty.nix"))
