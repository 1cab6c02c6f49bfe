"""Are cells from a script's own equations as fast as the standard ones, and how long does one wait for a new cell type?

    python benchmarks/user_equations.py
    python benchmarks/user_equations.py --repeats 7 --models IF_curr_exp

`IF_curr_exp` alone (a hundred thousand cells that fire by themselves) and the balanced networks CUBA and COBA of 4000
cells, each with the standard cell type and with one written as equations, in turns in one process; ratios are those of
medians, and spikes have to be as many. The wait is the time from the first line of a script with a new cell type to the
end of its first time step, without what the same script takes once the cell type is compiled; the rest of the machine
code is there before.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from typing import Any

from peers import Target, finish, output_of, parser, table
from worker import MARK

SLOWEST = 1.1
"""Own equations may take this many times as long as the standard cell type."""
LONGEST_WAIT_S = 3.0
EQUATIONS = {
    "current": """
        dv/dt = (v_rest - v)/tau_m + (i_exc + i_inh + i_offset + i_inj)/cm : mV (unless refractory, init=v_rest)
        di_exc/dt = -i_exc/tau_syn_E : nA
        di_inh/dt = -i_inh/tau_syn_I : nA
    """,
    "conductance": """
        dv/dt = (v_rest - v)/tau_m + (g_exc*(e_rev_E - v) + g_inh*(e_rev_I - v)
            + i_offset + i_inj)/cm : mV (unless refractory, init=v_rest)
        dg_exc/dt = -g_exc/tau_syn_E : uS
        dg_inh/dt = -g_inh/tau_syn_I : uS
    """,
}
PARAMETERS = """
    v_rest = -65*mV
    cm = 1*nF
    tau_m = 20*ms
    tau_refrac = 0.1*ms
    tau_syn_E = 5*ms
    tau_syn_I = 5*ms
    i_offset = 0*nA
    v_reset = -65*mV
    v_thresh = -50*mV
"""
REVERSAL = "e_rev_E = 0*mV\n e_rev_I = -70*mV\n"
BALANCED = {
    "cm": 0.2, "tau_m": 20.0, "v_reset": -60.0, "v_thresh": -50.0, "tau_refrac": 5.0, "tau_syn_E": 5.0,
    "tau_syn_I": 10.0,
}  # fmt: skip
MODELS = ("IF_curr_exp", "CUBA", "COBA")
NEW = {
    "leaky integrate-and-fire, exact": ("current", "exact"),
    "conductances, adaptive steps": ("conductance", "auto"),
    "Hodgkin and Huxley, adaptive steps": ("channels", "auto"),
}
CHANNELS = """
    dv/dt = (g_l*(e_l - v) + g_na*m**3*h*(e_na - v) + g_k*n**4*(e_k - v) + i_inj)/cm : mV (init=e_l)
    dm/dt = (1.28/exprel((-50 - u)/4)*(1 - m) - 1.4/exprel((u + 23)/5)*m)/ms : 1
    dh/dt = (0.128*exp((-46 - u)/18)*(1 - h) - 4/(1 + exp((-23 - u)/5))*h)/ms : 1
    dn/dt = (0.16/exprel((-48 - u)/5)*(1 - n) - 0.5*exp((-53 - u)/40)*n)/ms : 1
    u = v/(1*mV) : 1
"""
CHANNEL_PARAMETERS = """
    cm = 0.2*nF
    g_l = 0.01*uS
    g_na = 20*uS
    g_k = 6*uS
    e_l = -65*mV
    e_na = 50*mV
    e_k = -90*mV
"""


def own_type(kind: str, method: str = "auto", name: str = "") -> Any:
    """The standard cell type with synapses of this kind, as a script would write it."""
    from pyNN.equations import CellType

    if kind == "channels":
        return CellType(
            CHANNELS, CHANNEL_PARAMETERS, threshold="v > -20*mV", refractory="v > -20*mV", name=name or "OwnChannels",
            method=method,
        )  # fmt: skip
    variable = "i" if kind == "current" else "g"
    return CellType(
        EQUATIONS[kind],
        PARAMETERS + (REVERSAL if kind == "conductance" else ""),
        threshold="v > v_thresh",
        reset="v = v_reset",
        refractory="tau_refrac",
        receptors={"excitatory": f"{variable}_exc += weight", "inhibitory": f"{variable}_inh += weight"},
        name=name or f"Own_{kind}",
        method=method,
    )


def alone(cell_type: Any, cells: int, duration: float) -> dict[str, float]:
    """Cells that fire by themselves; seconds of processor time of the run alone."""
    import pyNN.reference as sim

    sim.setup(timestep=0.1)
    population = sim.Population(cells, cell_type(i_offset=0.8, tau_refrac=2.0))
    population.record("spikes")
    sim.run(1.0)
    began = time.process_time()
    sim.run(duration)
    seconds = time.process_time() - began
    result = {"run_s": seconds, "spikes": sum(population.get_spike_counts().values())}
    sim.end()
    return result


def network(cell_type: Any, benchmark: str, cells: int, duration: float) -> dict[str, float]:
    """The balanced network of Vogels and Abbott; seconds of processor time of the run alone."""
    import pyNN.reference as sim
    from pyNN.random import NumpyRNG, RandomDistribution

    sim.setup(timestep=0.1, min_delay=0.2, max_delay=0.2)
    if benchmark == "COBA":
        cell, weights = cell_type(v_rest=-60.0, e_rev_E=0.0, e_rev_I=-80.0, **BALANCED), (0.004, 0.051, 0.1)
    else:
        cell, weights = cell_type(v_rest=-49.0, **BALANCED), (0.0162, -0.09, 0.1)
    populations = [sim.Population(4 * cells // 5, cell), sim.Population(cells // 5, cell)]
    stimulus = sim.Population(20, sim.SpikeSourcePoisson(rate=100.0, duration=50.0))
    for target in populations:
        target.initialize(v=RandomDistribution("uniform", low=-60.0, high=-50.0, rng=NumpyRNG(seed=1)))
        target.record("spikes")
        sources = zip([*populations, stimulus], (0.02, 0.02, 0.01), weights, strict=True)
        for (source, probability, weight), receptor in zip(
            sources, ("excitatory", "inhibitory", "excitatory"), strict=True
        ):
            connector = sim.FixedProbabilityConnector(probability, rng=NumpyRNG(seed=2))
            synapse = sim.StaticSynapse(weight=weight, delay=0.2)
            sim.Projection(source, target, connector, synapse, receptor_type=receptor)
    sim.run(0.1)
    began = time.process_time()
    sim.run(duration)
    seconds = time.process_time() - began
    spikes = sum(sum(target.get_spike_counts().values()) for target in populations)
    sim.end()
    return {"run_s": seconds, "spikes": spikes}


def compare(model: str, repeats: int, cells: int, duration: float) -> dict[str, dict[str, float]]:
    """Medians for the standard type and the own one, which take turns in this process."""
    import pyNN.reference as sim

    kind = "conductance" if model == "COBA" else "current"
    types = {"standard": sim.IF_cond_exp if model == "COBA" else sim.IF_curr_exp, "own": own_type(kind)}

    def measure(cell_type: Any) -> dict[str, float]:
        if model == "IF_curr_exp":
            return alone(cell_type, 25 * cells, duration / 5.0)
        return network(cell_type, model, cells, duration)

    found: dict[str, list[dict[str, float]]] = {name: [] for name in types}
    for repeat in range(repeats + 1):
        # Whatever the machine does besides, it does to both: their order alternates.
        for name in list(types)[:: 1 - 2 * (repeat % 2)]:
            result = measure(types[name])
            if repeat:
                found[name].append(result)
    return {
        name: {"run_s": statistics.median(r["run_s"] for r in results), "spikes": results[0]["spikes"]}
        for name, results in found.items()
    }


def first_step(kind: str, method: str) -> None:
    """Print the seconds until cells of a new type have made a step."""
    began = time.perf_counter()
    import pyNN.reference as sim

    sim.setup(timestep=0.1)
    sim.Population(10, own_type(kind, method, "NewCell")())
    sim.run(0.1)
    print(f"\n{MARK}{time.perf_counter() - began}")


def wait(kind: str, method: str) -> float:
    """Seconds that the compilation of a cell type makes a script wait."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYNN_CORE_CACHE": folder}

        def run(code: str) -> float:
            command = [sys.executable, "-c", f"import user_equations\n{code}"]
            output = output_of(command, env=environment, cwd=os.path.dirname(os.path.abspath(__file__)))
            results = [line for line in output.splitlines() if line.startswith(MARK)]
            return float(results[-1].removeprefix(MARK)) if results else 0.0

        run("user_equations.alone(__import__('pyNN.reference').reference.IF_curr_exp, 10, 1.0)")
        new = run(f"user_equations.first_step({kind!r}, {method!r})")
        return new - run(f"user_equations.first_step({kind!r}, {method!r})")


def main() -> None:
    arguments = parser(__doc__, repeats=5)
    arguments.add_argument("--models", default=",".join(MODELS), help=f"of {', '.join(MODELS)}")
    arguments.add_argument("--cells", type=int, default=4000, help="of the networks; alone 25 times as many (4000)")
    arguments.add_argument("--duration", type=float, default=1000.0, help="model time, ms; alone a fifth (1000)")
    arguments.add_argument("--no-wait", action="store_true", help="leave the compilation of new types away")
    options = arguments.parse_args()
    results: dict[str, Any] = {}
    goals: dict[str, Target] = {}
    for model in (m for m in options.models.split(",") if m):
        results[model] = compare(model, options.repeats, options.cells, options.duration)
        table(model, results[model], {"run_s": "run s", "spikes": "spikes"})
        ratio = results[model]["own"]["run_s"] / results[model]["standard"]["run_s"]
        goals[f"{model}: own equations, times the standard type's run"] = (ratio, "at most", SLOWEST)
    waits: dict[str, dict[str, float]] = {}
    for name, (kind, method) in {} if options.no_wait else NEW.items():
        waits[name] = {"wait_s": statistics.median(wait(kind, method) for _ in range(options.repeats))}
        goals[f"{name}: wait for a new type, s"] = (waits[name]["wait_s"], "at most", LONGEST_WAIT_S)
    if waits:
        table("new cell types", waits, {"wait_s": "wait s"})
    finish("user_equations", {**results, "wait": waits}, goals, cells=options.cells, repeats=options.repeats)


if __name__ == "__main__":
    main()
