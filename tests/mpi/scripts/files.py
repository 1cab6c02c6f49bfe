"""What a script does with its results, without asking for the rank; prints one line of facts a rank.

    [mpirun -n RANKS] python files.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np

import pyNN.reference as sim

folder = Path(sys.argv[1])
sim.setup(timestep=0.1, min_delay=0.5)
rank = sim.rank()
cells = sim.Population(200, sim.IF_curr_exp(i_offset=np.linspace(0.9, 1.4, 200)), label="cells")
single = sim.Population(1, sim.IF_curr_exp(i_offset=1.1), label="single")
view = cells[[0, 1, 130]]
synapse = sim.StaticSynapse(weight=0.05, delay=sim.RandomDistribution("uniform_int", low=1, high=4))
connected = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.1), synapse, label="connected")
facts = {
    "local": [len(group.local_cells) for group in (cells, single, view, cells[150:] + single)],
    "masks": [int(group._mask_local.sum()) for group in (cells, single, view)],
    "sizes": [connected.size(), connected.size(gather=False), len(connected)],
    "positions": [int(cells.id_to_local_index(i)) for i in cells.local_cells[:3]],
}

cells.record("spikes", to_file=str(folder / "spikes.pkl"))
single.record(["v", "spikes"])
view.record("v")
cells[5:7].record("v", to_file=str(folder / "stream.h5"))
called = []
times = iter([3.0, 7.5, 1e9, 1e9])


def note(t):
    called.append(t)
    return next(times)


sim.run(10.0, callbacks=[note])
facts["called"] = called
# Every connection is changed on the one rank that has it.
for connection in connected:
    connection.weight = 0.001 * connection.presynaptic_index
sim.run(10.0)

connected.save(["weight", "delay"], str(folder / "whole.txt"))
connected.save(["weight", "delay"], str(folder / "share.txt"), gather=False)
again = sim.Projection(cells, cells, sim.FromFileConnector(str(folder / "whole.txt")), label="again")
reader = sim.FromFileConnector(str(folder / "share.txt"), distributed=sim.num_processes() > 1)
shares = sim.Projection(cells, cells, reader, label="shares")
for name in ("weight", "delay"):
    values = [projection.get(name, "list", gather="all") for projection in (connected, again, shares)]
    facts[f"same {name}"] = values[0] == values[1] == values[2]
arrays = [connected.get("weight", "array", gather=gather) for gather in (True, "all", False)]
facts["connections in arrays"] = [int(np.isfinite(array).sum()) for array in arrays]
facts["shapes"] = [array.shape for array in arrays]

blocks = [cells.get_data("spikes", gather=gather) for gather in (True, "all", False)]
facts["trains"] = [len(block.segments[0].spiketrains) for block in blocks]
facts["counts"] = [sum(cells.get_spike_counts(gather=gather).values()) for gather in ("all", True, False)]
single.write_data(str(folder / "single.pkl"))
cells.write_data(str(folder / "share.pkl"), gather=False)
(cells[150:] + single).write_data(str(folder / "assembly.pkl"), "spikes")
facts["stored"] = sorted(float(t) for train in blocks[1].segments[0].spiketrains for t in train)[-1]
sim.reset()
sim.run(5.0)
facts["segments"] = len(view.get_data(gather="all").segments)
sim.end()
print(json.dumps({"rank": rank, **facts}), flush=True)
