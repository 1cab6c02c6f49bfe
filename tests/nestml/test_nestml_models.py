"""Cell types that NEST gets through NESTML, by simulation: against the reference backend, closed forms and SciPy.

The first test of a model compiles it, which takes a quarter of a minute; PYNN_CORE_CACHE keeps the result.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pyNN.equations import CellType
from pyNN.errors import BackendNotInstalledError, CapabilityError, InvalidModelError
from pyNN.models import Event
from pyNN.nest import nestml_build, versions
from pyNN.standardmodels import cells as standard

LINEAR = 1e-9
"""Largest difference (mV) of states that are solved exactly, in long double's terms a thousand roundings."""


@pytest.fixture(autouse=True)
def machine() -> Iterator[None]:
    try:
        versions.load_nest()
    except BackendNotInstalledError as error:
        pytest.skip(str(error))
    problems = nestml_build.missing()
    if problems:
        pytest.skip(" ".join(problems))
    # Nothing of a test that has failed.
    importlib.import_module("pyNN.nest").setup()
    yield


def simulator(name: str, dt: float = 0.1, **options: Any) -> Any:
    sim = importlib.import_module(f"pyNN.{name}")
    sim.setup(timestep=dt, **options)
    return sim


def traces(population: Any, *names: str) -> dict[str, NDArray[np.float64]]:
    segment = population.get_data().segments[0]
    return {name: np.asarray(segment.filter(name=name)[0].magnitude) for name in names}


def spikes(population: Any) -> list[list[float]]:
    return [np.round(train.magnitude, 9).tolist() for train in population.get_data("spikes").segments[0].spiketrains]


def driven(name: str, celltype: Any, weights: tuple[float, ...], *names: str, time: float = 200.0) -> tuple[Any, Any]:
    """Traces and spikes of cells that one random train excites through every receptor."""
    sim = simulator(name)
    cells = sim.Population(3, celltype)
    source = sim.Population(1, sim.SpikeSourcePoisson(rate=300.0))
    for receptor, weight in zip(celltype.receptor_types, weights, strict=True):
        synapse = sim.StaticSynapse(weight=weight, delay=1.0)
        sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type=receptor)
    cells.record([*names, "spikes"])
    sim.run(time)
    found = traces(cells, *names), spikes(cells)
    sim.end()
    return found


def own(name: str) -> Any:
    """A standard cell type as a script would write it."""
    base = getattr(standard, name)
    return type(f"Own_{name}", (base,), {"equations": base.equations, "__module__": __name__})


@pytest.mark.parametrize(
    ("name", "values", "weights", "names"),
    [
        # The second cell's time constants meet, where formulas of propagators divide by zero.
        (
            "IF_curr_alpha",
            {"i_offset": [0.5, 0.9, 0.0], "tau_syn_E": [1.0, 20.0, 2.0]},
            (0.5, -0.2),
            ("v", "isyn_exc"),
        ),
        ("IF_curr_delta", {"i_offset": [0.5, 0.9, 0.0]}, (2.0, -1.0), ("v",)),
    ],
)
def test_linear_models_are_those_of_the_reference(name: str, values: Any, weights: Any, names: Any) -> None:
    celltype = own(name)
    ours, our_spikes = driven("nest", celltype(**values), weights, *names)
    reference, reference_spikes = driven("reference", celltype(**values), weights, *names)
    for state in names:
        assert np.abs(ours[state] - reference[state]).max() < LINEAR
    assert our_spikes == reference_spikes
    assert sum(map(len, our_spikes)) > 10


@pytest.mark.parametrize(
    ("name", "values", "weights", "names", "tolerance"),
    [
        # One state in adaptive sub-steps, to a relative 1e-10.
        ("IF_cond_exp", {"i_offset": [0.5, 0.9, 0.0]}, (0.02, 0.01), ("v", "gsyn_exc"), 1e-6),
        # Spikes end an exponential rise: what is left of 1e-9 after that.
        (
            "EIF_cond_exp_isfa_ista",
            {"i_offset": [0.5, 0.9, 0.0], "tau_refrac": [0.1, 2.0, 0.0]},
            (0.01, 0.005),
            ("v", "w"),
            1e-4,
        ),
        ("Izhikevich", {"i_offset": [0.01, 0.02, 0.0]}, (2.0, -1.0), ("v", "u"), 1e-3),
    ],
)
def test_nonlinear_models_are_those_of_the_reference(
    name: str, values: Any, weights: Any, names: Any, tolerance: float
) -> None:
    celltype = own(name)
    ours, our_spikes = driven("nest", celltype(**values), weights, *names)
    reference, reference_spikes = driven("reference", celltype(**values), weights, *names)
    for state in names:
        assert np.abs(ours[state] - reference[state]).max() < tolerance
    assert our_spikes == reference_spikes
    assert sum(map(len, our_spikes)) > 10


def hodgkin_huxley(current: float, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The membrane potential (mV) of Traub's cell as in HH_cond_exp, by SciPy's DOP853."""
    from scipy.integrate import solve_ivp

    def rate(numerator: float, x: float) -> float:
        return numerator / np.expm1(x)

    def slope(_: float, y: NDArray[np.float64]) -> list[float]:
        v, h, m, n = y
        u = v + 63.0
        a_m, b_m = rate(0.32 * (13.0 - u), (13.0 - u) / 4.0), rate(0.28 * (u - 40.0), (u - 40.0) / 5.0)
        a_h, b_h = 0.128 * np.exp((17.0 - u) / 18.0), 4.0 / (1.0 + np.exp((40.0 - u) / 5.0))
        a_n, b_n = rate(0.032 * (15.0 - u), (15.0 - u) / 5.0), 0.5 * np.exp((10.0 - u) / 40.0)
        ions = 20.0 * m**3 * h * (v - 50.0) + 6.0 * n**4 * (v + 90.0) + 0.01 * (v + 65.0)
        return [(current - ions) / 0.2, a_h * (1 - h) - b_h * h, a_m * (1 - m) - b_m * m, a_n * (1 - n) - b_n * n]

    solved = solve_ivp(
        slope, (0.0, times[-1]), [-65.0, 1.0, 0.0, 0.0], "DOP853", t_eval=times, rtol=1e-12, atol=1e-13
    )
    return np.asarray(solved.y[0])


def test_hodgkin_and_huxley_is_within_the_distance_to_scipy() -> None:
    exact = hodgkin_huxley(0.5, np.linspace(0.0, 50.0, 501))
    distance = {}
    for name in ("nest", "reference"):
        sim = simulator(name)
        cell = sim.Population(1, own("HH_cond_exp")(i_offset=0.5))
        cell.record("v")
        sim.run(50.0)
        distance[name] = float(np.abs(traces(cell, "v")["v"][:, 0] - exact).max())
        sim.end()
    assert exact.max() > 0.0
    # Spikes rise by 300 mV/ms, so that this is a shift of less than a microsecond.
    assert distance["nest"] < max(distance["reference"], 1e-4)


LEAKY = """
    dv/dt = (v_rest - v)/tau_m + (isyn + i_offset + i_inj)/cm : mV (unless refractory)
    disyn/dt = -isyn/tau_syn : nA
"""


def leaky() -> Any:
    return CellType(
        name="Leaky",
        equations=LEAKY,
        parameters={
            "v_rest": (-65.0, "mV"), "tau_m": (20.0, "ms"), "tau_syn": (5.0, "ms"), "cm": (1.0, "nF"),
            "i_offset": (0.0, "nA"), "v_thresh": (-50.0, "mV"),
        },
        threshold="v >= v_thresh",
        reset="v = v_rest",
        refractory="2*ms",
        receptors={"synaptic": "isyn += weight"},
        initial={"v": -65.0},
    )  # fmt: skip


def test_a_cell_type_in_equations_has_its_closed_form() -> None:
    sim = simulator("nest")
    cells = sim.Population(2, leaky()(i_offset=[0.5, 1.0]), initial_values={"v": -60.0})
    cells.record(["v", "spikes"])
    sim.run(60.0)
    v = traces(cells, "v")["v"][:, 0]
    times = 0.1 * np.arange(601)
    assert np.abs(v - (-55.0 + (-60.0 + 55.0) * np.exp(-times / 20.0))).max() < LINEAR
    # The second reaches -50 mV from -60 mV towards -45 mV after 20 ms * log(3), then from -65 mV after 20 ms * log(4).
    first = np.ceil(200 * np.log(3.0))
    period = 20 + np.ceil(200 * np.log(4.0))
    assert spikes(cells)[1] == pytest.approx([0.1 * first, 0.1 * (first + period)])
    assert spikes(cells)[0] == []
    sim.end()


def everything(name: str) -> tuple[Any, Any]:
    """What a script may do with cells: values a cell, set, initialize, currents, pieces, views."""
    sim = simulator(name)
    celltype = leaky()
    cells = sim.Population(4, celltype(i_offset=[0.5, 0.9, 0.7, 0.0], tau_m=[20.0, 10.0, 13.3, 5.0]))
    cells.initialize(v=[-65.0, -60.0, -70.0, -65.0], isyn=0.1)
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=[5.0, 11.3, 11.4, 60.0]))
    synapse = sim.StaticSynapse(weight=[[0.7, -0.7, 0.2, 1.0], [0.1, 0.2, 0.3, -0.4]], delay=1.5)
    sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type="synaptic")
    step = sim.StepCurrentSource(times=[20.0, 50.0], amplitudes=[0.4, -0.2])
    step.inject_into(cells[0:2])
    cells.record(["v", "isyn", "spikes"])
    sim.run(30.0)
    cells[1:3].set(tau_m=25.0, i_offset=1.0)
    sim.run(30.0)
    cells[3:4].initialize(v=-51.0)
    assert cells.get("tau_m").tolist() == [20.0, 25.0, 25.0, 5.0]
    sim.run(40.0)
    found = traces(cells, "v", "isyn"), spikes(cells)
    sim.end()
    return found


def test_what_a_script_does_with_cells_is_as_on_the_reference() -> None:
    ours, our_spikes = everything("nest")
    reference, reference_spikes = everything("reference")
    for name in ours:
        assert np.abs(ours[name] - reference[name]).max() < LINEAR
    assert our_spikes == reference_spikes
    assert all(len(train) > 0 for train in our_spikes[:3])


def test_modules_are_there_after_reset_and_after_setup_and_with_threads() -> None:
    celltype = leaky()
    found = []
    for threads in (1, 2):
        sim = simulator("nest", threads=threads)
        cells = sim.Population(3, celltype(i_offset=[0.5, 1.0, 1.5]))
        cells.record("spikes")
        sim.run(50.0)
        found.append(spikes(cells))
        sim.reset()
        sim.run(50.0)
        found.append([train.magnitude.tolist() for train in cells.get_data().segments[1].spiketrains])
        sim.end()
    counts = [[len(train) for train in trains] for trains in found]
    assert counts == [counts[0]] * 4 and counts[0][2] > counts[0][1] > 0


def test_a_new_cell_type_after_the_first_run_is_too_late() -> None:
    sim = simulator("nest")
    first = sim.Population(1, leaky()())
    sim.run(1.0)
    # The same type is no new one.
    sim.Population(1, leaky()())
    late: Any = CellType(name="Late", equations="dv/dt = -v/(23*ms) : mV")
    with pytest.raises(CapabilityError, match=r"model Late while it has no cells.*before the first run"):
        sim.Population(1, late())
    # NEST goes on, and the next session has it.
    sim.run(1.0)
    assert first.get("tau_m") == 20.0
    sim = simulator("nest")
    cell = sim.Population(1, late(), initial_values={"v": 1.0})
    cell.record("v")
    sim.run(23.0)
    assert traces(cell, "v")["v"][-1, 0] == pytest.approx(np.exp(-1.0), rel=1e-12)
    sim.end()


EXTENDED = {
    "fixed steps and stored values": (
        dict(
            equations="""
                dv/dt = (10*mV - v)/tau : mV (euler, unless refractory)
                y = y + v/tau*dt : mV (stored)
            """,
            parameters={"tau": (10.0, "ms")}, threshold="v > 8*mV", reset="v = 0*mV", refractory="3*ms",
        ),
        ("v", "y"),
    ),
    "time, events and the last spike": (
        dict(
            equations="""
                dv/dt = (15*mV - v)/tau + 2*mV/ms*sin(2*pi*t/(20*ms)) : mV
                dw/dt = -w/(30*ms) : mV
            """,
            parameters={"tau": (10.0, "ms")}, threshold="v > 14*mV and t - lastspike > 3*ms",
            reset="v = 0*mV; w += 1*mV", events={"up": Event("v > 10*mV and before(v) <= 10*mV", "w += 0.5*mV")},
        ),
        ("v", "w"),
    ),
    "indices, limits, whole numbers and a refractory condition": (
        dict(
            equations="""
                dv/dt = (v*v/(10*mV) - v + i*5*mV)/tau : mV (rk4, max=50*mV)
                n : integer
            """,
            parameters={"tau": (10.0, "ms")}, threshold="v > 30*mV", reset="v = 0*mV; n += 1", refractory="v < 1*mV",
        ),
        ("v", "n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", EXTENDED)
def test_the_whole_language_does_on_nest_what_it_does_on_the_reference(title: str) -> None:
    arguments, names = EXTENDED[title]
    found = {}
    for backend in ("nest", "reference"):
        sim = simulator(backend)
        celltype: Any = CellType(name="Extended", **arguments)  # type: ignore[arg-type]
        cells = sim.Population(2, celltype())
        cells.record([*names, "spikes"])
        sim.run(100.0)
        found[backend] = traces(cells, *names), spikes(cells)
        sim.end()
    for name in names:
        assert np.abs(found["nest"][0][name] - found["reference"][0][name]).max() < LINEAR
        assert np.ptp(found["nest"][0][name]) > 0.0
    assert found["nest"][1] == found["reference"][1]
    assert len(found["nest"][1][1]) > 0


def test_white_noise_has_its_variance() -> None:
    sim = simulator("nest")
    noisy: Any = CellType(
        name="Noisy", equations="dv/dt = -v/tau + 2*mV*xi/tau**0.5 : mV", parameters={"tau": (10.0, "ms")}
    )
    cells = sim.Population(300, noisy())
    cells.record("v")
    sim.run(400.0)
    v = traces(cells, "v")["v"][1000:]
    sim.end()
    # Ornstein and Uhlenbeck: sigma**2*tau/2 = 2 mV**2. 300 cells of 300 ms are 4500 independent values or so, whose
    # variance is known to 2 %; three times that, and the Euler method's dt/(2*tau).
    assert float(v.var()) == pytest.approx(2.0, rel=0.07)
    # Cells have numbers of their own.
    assert abs(np.corrcoef(v[:, 0], v[:, 1])[0, 1]) < 0.3


def test_composed_cells_that_nest_lacks_are_made_of_their_equations() -> None:
    found = {}
    for backend in ("nest", "reference"):
        sim = simulator(backend)
        receptor = sim.ExpPSR
        celltype = sim.PointNeuron(
            sim.LIF(i_offset=0.3),
            AMPA=receptor(tau_syn=2.0, e_syn=0.0),
            NMDA=receptor(tau_syn=50.0, e_syn=0.0),
            GABA=receptor(tau_syn=8.0, e_syn=-75.0),
        )
        cells = sim.Population(2, celltype)
        source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0, 20.0, 21.0, 40.0]))
        for name, weight in (("AMPA", 0.05), ("NMDA", 0.01), ("GABA", 0.02)):
            synapse = sim.StaticSynapse(weight=weight, delay=1.0)
            sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type=name)
        cells.record(["v", "NMDA.gsyn", "spikes"])
        sim.run(100.0)
        found[backend] = traces(cells, "v", "NMDA.gsyn"), spikes(cells)
        sim.end()
    assert np.abs(found["nest"][0]["v"] - found["reference"][0]["v"]).max() < 1e-6
    assert np.abs(found["nest"][0]["NMDA.gsyn"] - found["reference"][0]["NMDA.gsyn"]).max() < LINEAR
    assert found["nest"][1] == found["reference"][1] and len(found["nest"][1][0]) > 0


NESTML = """
model small_neuron:
    state:
        V_m mV = E_L
        refr_t ms = 0 ms
        I_exc pA = 0 pA
        I_inh pA = 0 pA
    equations:
        I_exc' = -I_exc / tau_exc
        I_inh' = -I_inh / tau_inh
        V_m' = -(V_m - E_L) / tau_m + (I_exc - I_inh + I_e) / C_m
        refr_t' = -1
    parameters:
        C_m pF = 250 pF
        tau_m ms = 10 ms
        tau_exc ms = 2 ms
        tau_inh ms = 2 ms
        t_ref ms = 2 ms
        E_L mV = -70 mV
        V_reset mV = -70 mV
        V_th mV = -55 mV
        I_e pA = 0 pA
    input:
        exc_spikes <- excitatory spike
        inh_spikes <- inhibitory spike
    output:
        spike
    update:
        if refr_t > 0 ms:
            integrate_odes(I_exc, I_inh, refr_t)
        else:
            integrate_odes(I_exc, I_inh, V_m)
    onReceive(exc_spikes):
        I_exc += exc_spikes * 1 pA * 1 s
    onReceive(inh_spikes):
        I_inh += inh_spikes * 1 pA * 1 s
    onCondition(refr_t <= 0 ms and V_m >= V_th):
        refr_t = t_ref
        V_m = V_reset
        emit_spike()
"""


def test_a_nestml_description_is_a_native_cell_type(tmp_path: Any) -> None:
    import pyNN.nest as sim

    path = tmp_path / "small.nestml"
    path.write_text(NESTML, encoding="utf-8")
    small = sim.nestml.nestml_cell_type("small_neuron", path)
    assert small.__name__ == "small_neuron"
    assert small.receptor_types == ("excitatory", "inhibitory")
    assert small.default_parameters["tau_m"] == 10.0 and not any(n.startswith("__") for n in small.default_parameters)
    assert "V_m" in small.recordable
    found = []
    for celltype in (small, sim.native_cell_type("iaf_psc_exp")):
        sim.setup(timestep=0.1)
        cells = sim.Population(2, celltype(I_e=[300.0, 400.0]))
        source = sim.Population(1, sim.SpikeSourceArray(spike_times=[3.0, 10.0, 11.0, 30.0]))
        for receptor, weight in (("excitatory", 0.9), ("inhibitory", -0.4)):
            synapse = sim.StaticSynapse(weight=weight, delay=2.0 if weight < 0.0 else 1.0)
            sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type=receptor)
        cells.record(["V_m", "spikes"])
        sim.run(100.0)
        found.append((traces(cells, "V_m")["V_m"], spikes(cells)))
        sim.end()
    assert np.abs(found[0][0] - found[1][0]).max() < LINEAR
    assert found[0][1] == found[1][1] and len(found[0][1][1]) > 3


def test_a_nestml_synapse_is_a_native_synapse_type() -> None:
    import pyNN.nest as sim

    text = """
model fading_synapse:
    state:
        n integer = 0
    parameters:
        w real = 1
        factor real = 0.5
    input:
        pre_spikes <- spike
    output:
        spike
    onReceive(pre_spikes):
        emit_spike(w * factor**n)
        n = n + 1
"""
    fading = sim.nestml.nestml_synapse_type("fading_synapse", text)
    assert set(fading.default_parameters) >= {"weight", "delay", "factor"} and "w" not in fading.default_parameters
    sim.setup(timestep=0.1)
    cells = sim.Population(1, sim.IF_curr_delta(tau_m=1e9, tau_refrac=0.1))
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 3.0, 5.0]))
    sim.Projection(source, cells, sim.AllToAllConnector(), fading(weight=4.0, factor=0.25, delay=0.5))
    cells.record("v")
    sim.run(10.0)
    steps = np.diff(traces(cells, "v")["v"][:, 0])
    assert steps[[14, 34, 54]] == pytest.approx([4.0, 1.0, 0.25], rel=1e-6)
    sim.end()


def test_nestml_that_is_wrong_is_reported_with_its_line() -> None:
    import pyNN.nest as sim

    with pytest.raises(InvalidModelError, match=r"(?s)accept the NESTML model small_neuron:.*line 10: .*I_nowhere"):
        sim.nestml.nestml_cell_type("small_neuron", NESTML.replace("-I_inh / tau_inh", "-I_nowhere / tau_inh"))
    with pytest.raises(InvalidModelError, match=r"no model 'smal_neuron'.*small_neuron"):
        sim.nestml.nestml_cell_type("smal_neuron", NESTML)
    with pytest.raises(CapabilityError, match="keeps variables for it"):
        sim.nestml.nestml_synapse_type("small_neuron", NESTML, NESTML)


def test_a_solution_that_diverges_within_a_step_is_a_spike() -> None:
    found = []
    for backend in ("nest", "reference"):
        sim = simulator(backend)
        quadratic: Any = CellType(
            name="Quadratic",
            equations="dv/dt = (v*v/mV + 25*mV)/(10*ms) : mV",
            threshold="v > 1e6*mV",
            reset="v = -5*mV",
            initial={"v": -5.0},
        )
        cell = sim.Population(1, quadratic())
        cell.record("spikes")
        sim.run(30.0)
        found.append(spikes(cell)[0])
        sim.end()
    # v = 5 mV * tan(t/(2 ms) - pi/4) is infinite after 1.5*pi ms; the spike is at the end of that step.
    period = 0.1 * np.ceil(10.0 * 1.5 * np.pi)
    assert found[0] == pytest.approx([period * k for k in range(1, int(30.0 / period) + 1)])
    assert found[0] == found[1]
