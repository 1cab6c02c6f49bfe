"""Spike sources whose times and rates change while the simulation goes on.

A script may decide on the next stimulus only when it has seen the answer to the last one. Here the rate of a Poisson
source is changed in steps, and an array of spike times is given anew in every interval, through a callback.

    python spike_source_update.py reference --figure sources.png
"""

import numpy as np

from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--interval", "ms between two changes", {"type": float, "default": 200.0}),
    ("--changes", "number of changes", {"type": int, "default": 5}),
    ("--figure", "file for a figure of spikes and the cell's potential", {"default": None}),
)

sim.setup(timestep=0.1, min_delay=1.0, rng_seed=3)

random_input = sim.Population(20, sim.SpikeSourcePoisson(rate=20.0), label="random")
timed_input = sim.Population(1, sim.SpikeSourceArray(spike_times=[]), label="timed")
cell = sim.Population(1, sim.IF_cond_exp(tau_m=15.0, tau_refrac=2.0), label="cell")
sim.Projection(random_input, cell, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.004, delay=1.0))
sim.Projection(timed_input, cell, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.05, delay=1.0))
random_input.record("spikes")
timed_input.record("spikes")
cell.record(["spikes", "v"])


class NextStimulus:
    """Called at the start and after each interval; returns the time of its next call."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def __call__(self, t: float) -> float:
        k = len(self.rates)
        if k < options.changes:
            rate = 20.0 + 20.0 * k
            random_input.set(rate=rate)
            # k + 1 spikes, evenly in the interval that begins now.
            gaps = options.interval / (k + 2)
            timed_input.set(spike_times=t + gaps * np.arange(1, k + 2))
            self.rates.append(rate)
        return t + options.interval


stimulus = NextStimulus()
sim.run(options.changes * options.interval, callbacks=[stimulus])

trains = random_input.get_data("spikes").segments[0].spiketrains
times = np.concatenate([train.magnitude for train in trains])
print(f"Changing spike sources on {options.simulator}")
for k, rate in enumerate(stimulus.rates):
    begin, end = k * options.interval, (k + 1) * options.interval
    found = np.count_nonzero((times >= begin) & (times < end)) / random_input.size / options.interval * 1000.0
    print(f"  {begin:5.0f} to {end:5.0f} ms: {rate:5.1f} spikes/s wanted, {found:5.1f} found")
print(f"  cell {cell.mean_spike_count() / options.changes / options.interval * 1000.0:6.2f} spikes/s")

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    segment = cell.get_data().segments[0]
    Figure(
        Panel(trains, ylabel="random source"),
        Panel(timed_input.get_data("spikes").segments[0].spiketrains, ylabel="timed source", yticks=False),
        Panel(segment.filter(name="v")[0], ylabel="cell, v (mV)"),
        Panel(segment.spiketrains, ylabel="cell", yticks=False, xlabel="time (ms)"),
        title="Spike sources that change while the network runs",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)
    print(f"  figure written to {options.figure}")

sim.end()
