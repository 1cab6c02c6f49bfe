"""From a simulation to analysed data: Neo blocks, trials as segments, files, and reading them back.

Three trials of one network differ in the stimulus; reset() ends a trial, and its data become a segment with
annotations. The block is written to a file, read back with Neo, and analysed without the simulator.

    python data_handling.py reference --file trials.pkl --figure trials.png
"""

import os
import tempfile

import neo
import numpy as np

from pyNN.utility import get_simulator
from pyNN.utility.plotting import isi_histogram

sim, options = get_simulator(
    ("--file", "file for the data: .pkl, .nix, .nwb or .mat (default: a temporary .pkl)", {"default": None}),
    ("--figure", "file for a figure of all trials", {"default": None}),
)

TRIAL = 300.0  # ms
CURRENTS = (0.1, 0.25, 0.4)  # nA

sim.setup(timestep=0.1, rng_seed=12)
cells = sim.Population(20, sim.IF_cond_exp(tau_m=20.0, cm=0.5, tau_refrac=2.0), label="cells")
noise = sim.Population(100, sim.SpikeSourcePoisson(rate=60.0))
sim.Projection(noise, cells, sim.FixedNumberPreConnector(20), sim.StaticSynapse(weight=0.001, delay=1.0))
cells.annotate(region="nowhere")
cells.record("spikes")
cells[:3].record("v", sampling_interval=0.5)  # each variable has cells and an interval of its own

for current in CURRENTS:
    cells.set(i_offset=current)
    sim.run(TRIAL)
    sim.reset(annotations={"current": current})

folder = tempfile.mkdtemp()
file = options.file or os.path.join(folder, "trials.pkl")
cells.write_data(file, annotations={"experiment": "three currents"})
sim.end()

# --- from here on, only Neo is needed

block = neo.get_io(file).read_block() if not file.endswith(".pkl") else neo.PickleIO(file).read_block()
segments = [segment for segment in block.segments if segment.spiketrains and float(segment.spiketrains[0].t_stop) > 0]
print(f"Data of {options.simulator} from {os.path.basename(file)}: {len(segments)} segments of '{block.name}'")
for current, segment in zip(CURRENTS, segments, strict=True):
    signal = segment.filter(name="v")[0]
    rate = np.mean([len(train) for train in segment.spiketrains]) / TRIAL * 1000.0
    intervals = np.concatenate([np.diff(train.magnitude) for train in segment.spiketrains])
    irregularity = intervals.std() / intervals.mean() if intervals.size else 0.0
    print(
        f"  current {current:.2f} nA: {rate:6.2f} spikes/s, coefficient of variation {irregularity:.2f}; "
        f"v of {signal.shape[1]} cells, {signal.shape[0]} samples each {signal.sampling_period.rescale('ms')}"
    )

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    panels = []
    for current, segment in zip(CURRENTS, segments, strict=True):
        panels.append(Panel(segment.spiketrains, ylabel=f"{current:g} nA\ncell"))
        panels.append(Panel(segment.filter(name="v")[0], ylabel="v (mV)", legend=False))
    panels.append(Panel(isi_histogram(segments[-1]), xlabel=f"inter-spike interval (ms) at {CURRENTS[-1]:g} nA", ylabel="count"))
    Figure(
        *panels, title="Three trials", annotations=f"simulated with {options.simulator}", size=(7.0, 10.0)
    ).save(options.figure)
    print(f"  figure written to {options.figure}")
