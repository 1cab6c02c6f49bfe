"""Inhibitory network that oscillates fast while its cells fire slowly and irregularly.

    python brunel_hakim.py reference

Brian2 2.9 with the same text, 5000 cells, 1 s: 3.58 Hz a cell, an oscillation of 132.5 to 137.5 Hz.

Literature: Brunel and Hakim 1999, Neural Comput. 11:1621.
"""

import numpy as np

from pyNN.equations.brian_units import ms, mV
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--cells", "number of cells", {"type": int, "default": 5000}),
    ("--duration", "in ms", {"type": float, "default": 1000.0}),
    ("--figure", "file for a figure of the spikes and of the network's rate", {"default": None}),
)

N = options.cells
Vr, theta, tau, muext, sigmaext = 10 * mV, 20 * mV, 20 * ms, 25 * mV, 1 * mV
# The number of connections a cell, 1000, stays what it is in the paper where the network is smaller.
p_connect = 1000.0 / N

# Brian2's delay of 2 ms: weights change the potential itself, and there the threshold is tested before they arrive, here
# after that.
delay = 2.1

sim.setup(timestep=0.1)
group = sim.NeuronGroup(
    N,
    "dV/dt = (-V + muext + sigmaext*sqrt(tau)*xi)/tau : volt",
    threshold="V > theta",
    reset="V = Vr",
    refractory=2 * ms,
    name="inhibitory",
)
group.V = Vr
sim.Projection(
    group,
    group,
    sim.FixedProbabilityConnector(p_connect),
    sim.StaticSynapse(weight=-0.1, delay=delay),
    receptor_type="V",
)
group.record("spikes")
sim.run(options.duration)

times = np.concatenate([np.asarray(t.magnitude) for t in group.get_data("spikes").segments[0].spiketrains])
counts, _ = np.histogram(times, bins=round(options.duration / 0.1), range=(0.0, options.duration))
settled = counts[2000:] if options.duration > 400.0 else counts
rate = settled.mean() / N / 1e-4
power = np.abs(np.fft.rfft(settled - settled.mean())) ** 2
frequencies = np.fft.rfftfreq(len(settled), 1e-4)
smooth = np.convolve(power, np.ones(9) / 9.0, "same")
band = (frequencies > 20.0) & (frequencies < 400.0)
oscillation = float(frequencies[band][np.argmax(smooth[band])])
print(f"  {rate:.2f} Hz a cell, oscillation of {oscillation:.0f} Hz")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    window = (options.duration - 100.0, options.duration)
    trains = group.get_data("spikes").segments[0].spiketrains[:500]
    in_ms = counts[: len(counts) // 10 * 10].reshape(-1, 10).sum(axis=1) / N / 1e-3
    line = {"marker": "", "linestyle": "-"}
    Figure(
        Panel(trains, ylabel="cell", xlim=window, xlabel="time (ms)", xticks=True),
        Panel(
            DataTable(np.arange(len(in_ms)) + 0.5, in_ms), line_properties=[line],
            xlim=window, xlabel="time (ms)", ylabel="rate (Hz)",
        ),
        Panel(
            DataTable(frequencies[band], smooth[band] / smooth[band].max()), line_properties=[line],
            xlabel="frequency (Hz)", ylabel="power",
        ),
        title="Brunel and Hakim 1999", annotations=f"simulated with {options.simulator}",
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
