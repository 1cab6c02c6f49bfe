"""A tour of the standard cell types: each gets the same step of current, and answers in its own way.

Leaky integrate-and-fire cells fire regularly; adaptation makes later intervals longer; exponential and quadratic cells
have an upstroke; Hodgkin-Huxley cells have action potentials that are not put in by hand; and a GIF cell fires at random.

    python cell_type_tour.py reference --figure tour.png

Each type has its default parameters but for those listed here, which make it fire under the current of its row.
"""

from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--duration", "biological time in ms", {"type": float, "default": 300.0}),
    ("--figure", "file for a figure of all membrane potentials", {"default": None}),
)

TOUR = {  # name: (current in nA, parameters, initial potential in mV)
    "IF_curr_exp": (1.0, {}, -65.0),
    "IF_cond_alpha": (1.0, {"tau_refrac": 5.0}, -65.0),
    "IF_cond_exp_gsfa_grr": (1.2, {"tau_sfa": 100.0, "q_sfa": 15.0}, -65.0),
    "EIF_cond_exp_isfa_ista": (0.9, {"b": 0.2, "a": 4.0}, -70.6),
    "EIF_cond_alpha_isfa_ista": (0.8, {"b": 0.05, "a": 0.0, "v_reset": -55.0, "tau_w": 80.0}, -70.6),
    "Izhikevich": (0.01, {"a": 0.02, "b": 0.2, "c": -50.0, "d": 2.0}, -70.0),
    "HH_cond_exp": (0.7, {}, -65.0),
    "GIF_cond_exp": (1.2, {"lambda0": 5.0, "delta_v": 2.0}, -65.0),
}

sim.setup(timestep=0.1, rng_seed=7)
available = sim.list_standard_models()
step = {"start": 50.0, "stop": options.duration - 50.0}

tour = {}
for name, (amplitude, parameters, v) in TOUR.items():
    if name not in available:
        print(f"{name} is not available on {options.simulator}")
        continue
    cell = sim.Population(1, getattr(sim, name)(**parameters), initial_values={"v": v}, label=name)
    cell.inject(sim.DCSource(amplitude=amplitude, **step))
    cell.record(["v", "spikes"])
    tour[name] = cell

sim.run(options.duration)

print(f"Tour of the cell types on {options.simulator}")
for name, cell in tour.items():
    rate = cell.mean_spike_count() / (step["stop"] - step["start"]) * 1000.0
    print(f"  {name:<26} {rate:6.1f} spikes/s")

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    panels = []
    for name, cell in tour.items():
        segment = cell.get_data().segments[0]
        panels.append(Panel(segment.filter(name="v")[0], ylabel=name.replace("_", "\n", 2)))
    Figure(
        *panels, title="Membrane potentials (mV) under a step of current",
        annotations=f"simulated with {options.simulator}", size=(6.5, 1.4 * len(panels)),
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")

sim.end()
