"""Cell types of scripts: what CellType makes of text, how cells behave, and errors that point at the place."""

import pickle

import numpy as np
import pytest
import quantities as pq

import pyNN.mock as mock
import pyNN.reference as sim
from pyNN.equations import CellType, Event, Parameter, Receptor, TimedArray
from pyNN.errors import (
    EquationError,
    InvalidDimensionsError,
    InvalidModelError,
    InvalidTimeError,
    NoModelAvailableError,
    SimulatorError,
)
from pyNN.standardmodels import cells as standard

ENGINES = ("numpy", "numba")


def simulate(cell_type, engine="numpy", n=1, time=10.0, dt=0.1, threads=1, spikes=None, weight=1.0, **parameters):
    """Recorded variables by name, each (samples, cells), and spike times of each cell."""
    sim.setup(timestep=dt, engine=engine, threads=threads, rng_seed=7)
    population = sim.Population(n, cell_type(**parameters))
    population.record(cell_type.recordable)
    if spikes is not None:
        source = sim.Population(1, sim.SpikeSourceArray(spike_times=spikes))
        sim.Projection(source, population, sim.AllToAllConnector(), sim.StaticSynapse(weight=weight, delay=dt))
    sim.run(time)
    segment = population.get_data().segments[0]
    sim.end()
    values = {signal.name: signal.magnitude for signal in segment.analogsignals}
    return values, [train.magnitude for train in segment.spiketrains]


# -- definition


LIF = """
    dv/dt = (v_rest - v)/tau_m + (isyn_exc + isyn_inh + i_offset + i_inj)/cm : mV (unless refractory, init=v_rest)
    disyn_exc/dt = -isyn_exc/tau_syn_E : nA
    disyn_inh/dt = -isyn_inh/tau_syn_I : nA
"""


def lif(**changes):
    settings = {
        "name": "IF_curr_exp", "equations": LIF, "threshold": "v >= v_thresh", "reset": "v = v_reset",
        "refractory": "tau_refrac",
        "parameters": dict(standard.IF_curr_exp.parameters),
        "receptors": {"excitatory": "isyn_exc += weight", "inhibitory": "isyn_inh += weight"},
    }  # fmt: skip
    return CellType(**{**settings, **changes})


def test_a_standard_type_that_is_written_anew_gets_the_very_same_kernel_and_spikes():
    own = lif()
    from pyNN.equations import kernels, store

    program = kernels.build(store.analysis(standard.IF_curr_exp.definition))
    assert own.kernel_source("numba") == kernels.numba_source(program, False)
    assert own.kernel_source("numpy") == kernels.numpy_source(program)
    trains = []
    for cell_type in (own, sim.IF_curr_exp):
        _, spikes = simulate(cell_type, time=100.0, spikes=[5.0, 20.0], weight=5.0, i_offset=0.8)
        trains.append(spikes[0])
    assert len(trains[0]) > 1
    assert np.array_equal(*trains)


def test_numbers_of_the_script_are_in_interface_units_whatever_the_text_declares():
    """v' = -(v - E)/tau from 0: v(10 ms) = E*(1 - exp(-1)) in mV; the text is in volt and second."""
    cell_type = CellType("dv/dt = -(v - E)/tau : volt\n tau : second\n E : volt",
                         parameters={"tau": 10.0, "E": 0.02 * pq.V})
    assert cell_type.units == {"tau": "ms", "E": "mV", "v": "mV"}
    assert cell_type.default_parameters == {"tau": 10.0, "E": 20.0}
    values, _ = simulate(cell_type)
    assert values["v"][-1, 0] == pytest.approx(20.0 * (1.0 - np.exp(-1.0)), rel=1e-12)
    values, _ = simulate(cell_type, E=30.0)
    assert values["v"][-1, 0] == pytest.approx(30.0 * (1.0 - np.exp(-1.0)), rel=1e-12)


@pytest.mark.parametrize("parameters", [
    {"tau": (0.01, "s"), "k": 2.0}, {"tau": 10.0 * pq.ms, "k": Parameter(2.0, "")}, "tau = 0.01*s\n k = 2",
    "tau = 10 : ms (shared)\nk = sqrt(4)  # a comment",
])
def test_parameters_may_be_given_in_several_forms(parameters):
    cell_type = CellType("dx/dt = -k*x/tau : 1 (init=1)", parameters)
    assert cell_type.default_parameters == {"tau": 10.0, "k": 2.0}
    assert cell_type.units["tau"] == "ms"


def test_initial_values_are_numbers_parameters_and_distributions():
    text = """
        dv/dt = 0*mV/ms : mV (init=-70*mV)
        du/dt = 0*mV/ms : mV (init=E)
        dw/dt = 0*mV/ms : mV (init=Uniform(-2, 3))
        dx/dt = 0*mV/ms : mV
        E : mV (init=-50)
    """
    cell_type = CellType(text, initial={"x": 0.004 * pq.V})
    values, _ = simulate(cell_type, n=200, time=0.1, E=-40.0)
    assert np.all(values["v"][0] == -70.0)
    assert np.all(values["u"][0] == -40.0)
    assert np.all(values["x"][0] == pytest.approx(4.0))
    assert values["w"][0].min() > -2.0 and values["w"][0].max() < 3.0 and values["w"][0].std() > 1.0


def test_text_without_units():
    cell_type = CellType("dv/dt = (5 - v)/tau\n tau : (init=4)", unchecked_units=True)
    values, _ = simulate(cell_type)
    assert values["v"][-1, 0] == pytest.approx(5.0 * (1.0 - np.exp(-2.5)), rel=1e-12)


def test_a_definition_is_inert_and_classes_can_be_derived_from():
    cell_type = lif(name="Own")
    assert pickle.loads(pickle.dumps(cell_type.definition)).equations == cell_type.definition.equations

    class Faster(cell_type):
        parameters = {**cell_type.parameters, "tau_m": Parameter(5.0, "ms")}

    assert Faster.definition.name == "Own"
    assert Faster().parameter_space["tau_m"].base_value == 5.0


def test_descriptions():
    cell_type = lif(name="Mine", description="leaky cell")
    text = cell_type.describe()
    assert text.startswith("Cell type Mine: leaky cell")
    assert "tau_m = 20 ms" in text and "v = v_rest mV at t = 0, exact" in text
    assert r"\frac{dv}{dt} &= \frac{v_{rest} - v}{\tau_{m}}" in cell_type.describe("latex")
    assert r"\text{if } v \ge v_{thresh}: & v \leftarrow v_{reset}" in cell_type.latex()
    assert "<td>tau_m</td>" in cell_type()._repr_html_()
    assert "Mine" in cell_type().describe()
    reason = "linear, with coefficients that only parameters enter"
    assert cell_type.method == f"v, isyn_exc, isyn_inh: exact, because {reason}"
    assert cell_type.methods["v"] == "exact"
    with pytest.raises(ValueError, match="'text', 'latex', 'html'"):
        cell_type.describe("pdf")
    with pytest.raises(ValueError, match="'numba' and 'numpy'"):
        cell_type.kernel_source("fortran")


def test_a_dry_run_takes_the_type_and_its_name_does_not_make_it_a_standard_one():
    mock.setup()
    assert mock.Population(3, lif()()).size == 3
    mock.end()


def test_nest_says_that_it_does_not_have_the_type():
    pytest.importorskip("nest")
    import pyNN.nest as nest

    nest.setup()
    try:
        with pytest.raises(NoModelAvailableError):
            nest.Population(1, lif(name="IF_curr_exp")())
    finally:
        nest.end()


# -- what cells do; each is known from the text by hand, and on both engines


@pytest.mark.parametrize("engine", ENGINES)
def test_stored_assignments_are_executed_once_a_step_in_the_order_of_the_text(engine):
    cell_type = CellType("""
        before_it = v : mV (stored)
        dv/dt = 1*mV/ms : mV (euler)
        after_it = v : mV (stored)
        doubled = 2*after_it : mV (stored)
        at = t : ms (stored)
    """)
    values, _ = simulate(cell_type, engine, time=1.0)
    step = np.arange(1, 11)
    assert values["before_it"][1:, 0] == pytest.approx(0.1 * (step - 1))
    assert values["after_it"][1:, 0] == pytest.approx(0.1 * step)
    assert values["doubled"][1:, 0] == pytest.approx(0.2 * step)
    assert values["at"][1:, 0] == pytest.approx(0.1 * (step - 1))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("refractory", "interval"), [
    ("", 20), ("1*ms", 30), ("0.3*ms", 23), ("0.25*ms", 23), ("t_ref", 25), ("v < 0.5*mV and w < 1", 20),
    ("w > exp(-0.95)", 30),
])
def test_refractory_periods_hold_for_whole_steps(engine, refractory, interval):
    """A ramp reaches the threshold in 20 steps. w decays below exp(-0.95) in 10 steps."""
    cell_type = CellType("""
        dv/dt = 1*mV/ms : mV (unless refractory)
        dw/dt = -w/ms : 1
        t_ref : ms (init=0.5)
    """, threshold="v > 1.9999*mV", reset="v = 0*mV; w = 1", refractory=refractory)
    _, spikes = simulate(cell_type, engine)
    assert np.unique(np.round(np.diff(spikes[0]) / 0.1)).tolist() == [interval]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_random_refractory_period_is_drawn_at_each_spike(engine):
    cell_type = CellType("dv/dt = 1*mV/ms : mV (unless refractory)", threshold="v > 0.9999*mV", reset="v = 0*mV",
                         refractory="(1 + 4*rand())*ms")
    _, spikes = simulate(cell_type, engine, n=300, time=40.0)
    held = np.concatenate([np.diff(train) for train in spikes]) - 1.0
    assert held.min() >= 1.0 and held.max() <= 5.0 + 1e-9
    # Uniform between 1 and 5, rounded up to steps of 0.1: mean 3.05; the standard error of 2700 numbers is 0.02.
    assert held.mean() == pytest.approx(3.05, abs=0.1)


@pytest.mark.parametrize("engine", ENGINES)
def test_reset_code_has_local_values_and_order(engine):
    cell_type = CellType("""
        dv/dt = 1*mV/ms : mV
        n : integer
        last = t - lastspike : ms (stored)
        isi : ms
    """, threshold="v > 0.9999*mV", reset="half = v/2; v = half - 0.5*mV; n += 1.7; isi = t - lastspike")
    values, spikes = simulate(cell_type, engine, time=5.0)
    assert spikes[0] == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0])
    assert values["n"][-1, 0] == 5.0
    assert values["isi"][-1, 0] == pytest.approx(1.0)
    assert values["last"][15, 0] == pytest.approx(0.4)


@pytest.mark.parametrize("engine", ENGINES)
def test_events_see_the_state_before_the_reset_and_act_after_it_in_order(engine):
    cell_type = CellType(
        "dv/dt = 1*mV/ms : mV (unless refractory)\n seen : mV\n trace : 1\n up : boolean",
        threshold="v > 0.9999*mV", reset="v = 0*mV", refractory="1*ms",
        events={
            "high": Event("v > 0.9999*mV", "seen = v; trace = 2*trace", order=2),
            "also": Event("v > 0.9999*mV", "trace = trace + 1; up = not up", order=1),
            "rest": "not not_refractory and v == 0*mV",
        },
    )  # fmt: skip
    values, _ = simulate(cell_type, engine, time=4.0)
    assert np.flatnonzero(values["high"][:, 0]).tolist() == [10, 30]
    assert values["seen"][10, 0] == 0.0
    assert values["trace"][[9, 10, 30], 0].tolist() == [0.0, 2.0, 6.0]
    assert values["up"][[9, 10, 30], 0].tolist() == [0.0, 1.0, 0.0]
    assert np.flatnonzero(values["rest"][:, 0]).tolist() == list(range(11, 21)) + list(range(31, 41))


@pytest.mark.parametrize("engine", ENGINES)
def test_functions_of_time_given_by_values(engine):
    cell_type = CellType("dx/dt = drive(t) : 1\n y = drive2(t, i) : 1 (stored)",
                         tables={"drive": TimedArray([1.0, 3.0] * (1 / pq.ms), 0.5),
                                 "drive2": TimedArray([[1.0, 2.0], [3.0, 4.0]], 0.5 * pq.ms)})
    values, _ = simulate(cell_type, engine, n=2, time=2.0)
    t = 0.1 * np.arange(21)
    assert values["x"][:, 0] == pytest.approx(np.where(t < 0.5, t, 0.5 + 3.0 * (t - 0.5)))
    assert values["y"][[1, 5, 6, 20], 1].tolist() == [2.0, 2.0, 4.0, 4.0]


def test_a_column_that_a_table_does_not_have_is_reported():
    cell_type = CellType("y = f(t, i) : 1 (stored)", tables={"f": TimedArray([[1.0, 2.0]], 0.5)})
    with pytest.raises(SimulatorError, match=r"'y' of cell 2 of .* became nan"):
        simulate(cell_type, n=3)


@pytest.mark.parametrize("engine", ENGINES)
def test_updates_every_few_steps(engine):
    """Between its updates a cell stands still but for weights; x' = -x/(4 ms) is exact whatever the interval."""
    cell_type = CellType("dx/dt = -x/(4*ms) : mV\n at = t : ms (stored)", receptors={"e": "x += weight"},
                         update_interval=0.5)
    values, _ = simulate(cell_type, engine, time=3.0, spikes=[0.7], weight=2.0)
    x = values["x"][:, 0]
    assert x[7] == 0.0 and x[8] == 2.0 and x[9] == 2.0
    assert x[[10, 15, 20]] == pytest.approx(2.0 * np.exp(-np.array([0.5, 1.0, 1.5]) / 4.0))
    assert np.all(x[15:20] == x[15])
    assert values["at"][[5, 9, 10, 14], 0] == pytest.approx([0.0, 0.0, 0.5, 0.5])


def test_an_update_interval_that_is_no_multiple_of_the_time_step_is_refused():
    with pytest.raises(InvalidTimeError, match="no multiple of the time step of 0.1 ms"):
        simulate(CellType("dx/dt = -x/ms : 1", update_interval=0.25))


@pytest.mark.parametrize("engine", ENGINES)
def test_limits_conditions_and_functions(engine):
    cell_type = CellType(
        """
        dx/dt = 1/ms : 1 (max=0.55, init=0)
        a = ite(x > 0.35, 1, 2) : 1 (stored)
        b = if x > 0.35: if x > 0.5: 3 else: 4 else: 5 : 1 (stored)
        c = x^2 + f(x, 2) : 1 (stored)
        d = 7 % 4 + (-7) % 4 + 7 // 2 : 1 (stored)
        """,
        functions="f(x, n) = n*x\ng(x) = f(x, 1)",
    )  # fmt: skip
    values, _ = simulate(cell_type, engine, time=1.0)
    x = values["x"][:, 0]
    assert x[-1] == 0.55
    new = np.minimum(0.1 * np.arange(1, 11), 0.55)
    assert values["a"][1:, 0].tolist() == [1.0 if v > 0.35 else 2.0 for v in new]
    assert values["b"][[1, 4, 8], 0].tolist() == [5.0, 4.0, 3.0]
    assert values["c"][1:, 0] == pytest.approx(new**2 + 2 * new)
    assert values["d"][1, 0] == 7.0


def test_shared_values_are_the_same_in_all_cells_and_parameters_must_be():
    cell_type = CellType("dx/dt = -x/tau + xi/sqrt(tau) : 1 (shared)\n dy/dt = -y/tau + xi_y/sqrt(tau) : 1\n"
                         " u = rand() : 1 (stored, shared)\n tau : ms (shared, init=5)")
    values, _ = simulate(cell_type, n=5)
    assert np.all(values["x"] == values["x"][:, :1]) and values["x"].std() > 0.1
    assert np.all(values["u"] == values["u"][:, :1]) and np.all(values["y"][-1, 1:] != values["y"][-1, 0])
    with pytest.raises(InvalidDimensionsError, match="'tau' of CellType is shared by all cells"):
        simulate(cell_type, n=2, tau=[1.0, 2.0])


@pytest.mark.parametrize("threads", [2, 3])
def test_random_numbers_depend_on_no_number_of_threads(threads):
    cell_type = CellType("dx/dt = -x/(5*ms) + xi/ms**0.5 : 1\n u = Normal(1, 2) + poisson(3) : 1 (stored)",
                         threshold="x > 1 + rand()", reset="x = 0.5*randn()")
    one, spikes = simulate(cell_type, "numba", n=300, time=5.0)
    many, other_spikes = simulate(cell_type, "numba", n=300, time=5.0, threads=threads)
    assert all(np.array_equal(one[name], many[name]) for name in one)
    assert all(np.array_equal(a, b) for a, b in zip(spikes, other_spikes, strict=True))
    assert sum(map(len, spikes)) > 50


def test_both_engines_draw_the_same_numbers_and_a_run_in_pieces_does():
    cell_type = CellType("dx/dt = -x/(5*ms) + xi/ms**0.5 : 1\n u = Uniform(1, 2)*Exponential(2) : 1 (stored)")
    first, _ = simulate(cell_type, "numpy", n=30, time=4.0)
    second, _ = simulate(cell_type, "numba", n=30, time=4.0)
    assert all(np.allclose(first[name], second[name], rtol=1e-13, atol=0) for name in first)
    sim.setup(timestep=0.1, rng_seed=7)
    population = sim.Population(30, cell_type())
    population.record("x")
    for _ in range(4):
        sim.run(1.0)
    assert np.array_equal(population.get_data().segments[0].analogsignals[0].magnitude, second["x"])
    sim.end()


@pytest.mark.parametrize(("call", "mean", "deviation"), [
    ("rand()", 0.5, 12**-0.5), ("randn()", 0.0, 1.0), ("Uniform(-1, 2)", 0.5, 3 * 12**-0.5), ("Normal(3, 2)", 3.0, 2.0),
    ("LogNormal(0, 0.5)", np.exp(0.125), np.exp(0.125) * np.sqrt(np.exp(0.25) - 1)), ("Exponential(2)", 0.5, 0.5),
    ("Gamma(3, 2)", 6.0, 12**0.5), ("Gamma(0.5)", 0.5, 0.5**0.5), ("poisson(3)", 3.0, 3**0.5),
    ("Poisson(60)", 60.0, 60**0.5), ("Binomial(10, 0.3)", 3.0, 2.1**0.5), ("Binomial(300, 0.2)", 60.0, 48**0.5),
    ("DiscreteUniform(2, 5)", 3.5, 1.25**0.5),
])  # fmt: skip
def test_distributions_have_their_moments(call, mean, deviation):
    """Of 40 000 numbers; five standard errors of the mean, and 5 % of the standard deviation."""
    values, _ = simulate(CellType(f"u = {call} : 1 (stored)"), "numba", n=2000, time=2.0)
    numbers = values["u"][1:].ravel()
    assert numbers.mean() == pytest.approx(mean, abs=5 * deviation / np.sqrt(numbers.size))
    assert numbers.std() == pytest.approx(deviation, rel=0.05)


def test_receptors_of_a_script():
    cell_type = CellType("dg/dt = -g/ms : uS\n dv/dt = -v/ms : mV\n dq/dt = -q/ms : 1",
                         receptors={"a": "g += weight", "b": Receptor("mV", "v += 2*weight", sign=-1),
                                    "c": ("q += weight/(1*nA)", "nA")})
    found = {n: (r.unit, r.sign) for n, r in cell_type.receptors.items()}
    assert found == {"a": ("uS", 1), "b": ("mV", -1), "c": ("nA", 0)}
    with pytest.raises(EquationError, match="is in '1', which is no unit of weights"):
        CellType("dq/dt = -q/ms : 1", receptors={"c": "q += weight"})


def test_values_that_run_away_are_reported_with_cell_time_and_variable():
    cell_type = CellType("dv/dt = v**2/(mV*ms) : mV (init=1*mV, euler)")
    with pytest.raises(SimulatorError, match=r"'v' of cell 0 of population0 became (inf|nan) in the step from .* ms"):
        simulate(cell_type, time=50.0)


# -- errors


@pytest.mark.parametrize(("changes", "message", "marked"), [
    ({"equations": "dv/dt = (E - v)/tau + w : mV\n dw/dt = -w/tau : mV\n E : mV\n tau : ms"},
     "'w' is in mV, but dv/dt is in mV/ms. Divide it by ms, or by something in ms.", "w"),
    ({"equations": "dv/dt = (E - v)/tua : mV\n E : mV\n tau : ms"}, "'tua' is not known here. Did you mean 'tau'?",
     "tua"),
    ({"equations": "dt/dt = 1 : 1"}, "'t' is reserved", "t"),
    ({"equations": "dx/dt = 1/ms : 1\n xi_a : 1"}, "'xi_a' is reserved", "xi_a"),
    ({"equations": "dx/dt = a/ms : 1\n a = b : 1\n b = a : 1"}, "the formula 'a' depends on itself", None),
    ({"equations": "dx/dt = 1/ms : boolean"}, "'x' is boolean, so it has no derivative", None),
    ({"equations": "dx/dt = -x/ms + xi/sqrt(ms) : 1 (rk4)"},
     "the method rk4 takes no white noise; euler, heun, milstein do.", "xi"),
    ({"equations": "dx/dt = -x/ms + x*xi/sqrt(ms) : 1", "method": "euler"}, "(multiplicative noise)", "xi"),
    ({"equations": "dx/dt = -x/ms + y*xi/sqrt(ms) : 1\n dy/dt = -y/ms : 1", "method": "milstein"},
     "whose factor depends on no other state", "xi"),
    ({"equations": "dx/dt = -x/ms + xi**2 : 1"}, "white noise can only enter as a sum of terms g*xi", "xi"),
    ({"equations": "dx/dt = -x**2/ms : 1", "method": "exact"}, "cannot be solved exactly: it is not linear", None),
    ({"equations": "dx/dt = -x*t/ms**2 : 1", "method": "exact"}, "cannot be solved exactly: 't' changes", None),
    ({"equations": "dx/dt = -x**2/ms : 1", "method": "exponential_euler"}, "is not linear in 'x'", None),
    ({"equations": "dx/dt = -x**2/ms : 1", "method": "implicit"}, "implicit needs equations that are linear", None),
    ({"equations": "dx/dt = -x/ms : 1 (rk4)\n dy/dt = -y/ms : 1 (euler)"}, "cannot be mixed in one system", None),
    ({"equations": "dx/dt = -x/ms : 1 (euler)\n y = x : 1 (stored)\n dz/dt = -z**2/ms : 1 (rk45)"}, "rk45", None),
    ({"equations": "dx/dt = y/ms : 1 (shared)\n dy/dt = -y/ms : 1"},
     "'x' is shared by all cells, but 'y' may differ", "y"),
    ({"equations": "dx/dt = -x/ms : 1 (ini=3)"}, "'ini' is not a flag here. Did you mean 'init='?", "ini"),
    ({"equations": "x : 1 (linked)"}, "'linked' is not a flag", "linked"),
    ({"equations": "dx/dt = if x > 1: 2/ms : 1"}, "needs 'else: b'", None),
    ({"equations": "x = 3*mV : mV (stored, max=2*ms)"}, "but 'x' is in mV", "2 * ms"),
    ({"equations": "dx/dt = -x/ms : 1 (init=y)"}, "'y' is not known here", "y"),
    ({"equations": "dx/dt = -x/ms : 1", "reset": "x = 0"}, "a reset needs a threshold", None),
    ({"equations": "dx/dt = -x/ms : 1", "threshold": "x > 1", "reset": "x = 0; t = 3"}, "'t' is not a state", "t"),
    ({"equations": "dx/dt = -x/ms : 1\n c : 1 (constant)", "threshold": "x > 1", "reset": "c = 0"},
     "'c' is constant, but statements change it", None),
    ({"equations": "dx/dt = f(x)/ms : 1", "functions": "f(x) = y"}, "'y' is not known here", "y"),
    ({"equations": "dx/dt = f(x)/ms : 1", "functions": "exp(x) = x"}, "there is a function 'exp' already", "exp"),
    ({"equations": "dx/dt = f(x, x)/ms : 1", "functions": "f(x) = x"}, "f takes 1 argument(s)", "f(x, x)"),
    ({"equations": "dx/dt = (2*mV)^3/ms : 1"}, "is in", None),
    ({"equations": "dx/dt = [1][0]/ms : 1"}, "has no place in an expression", "[1][0]"),
    ({"equations": "dx/dt = (1 for i in x)/ms : 1"}, "has no place in an expression", "(1 for i in x)"),
    ({"equations": "dx/dt = __import__('os')/ms : 1"}, "'__import__' is not a function here", "__import__('os')"),
    ({"equations": "dx/dt = x.__class__/ms : 1"}, "'x.__class__' is not known here", "x.__class__"),
    ({"equations": "dx/dt = -x/ms : 1", "events": {"up": "x"}}, "the condition of an event is a condition", "x"),
    ({"equations": "dx/dt = g(t)/ms : 1", "tables": {"g": TimedArray([1.0], 1.0, "mV")}},
     "'g(t) / ms' is in mV/ms", None),
])  # fmt: skip
def test_wrong_text_is_refused_when_the_type_is_made_with_a_caret_under_the_place(changes, message, marked):
    with pytest.raises(EquationError) as caught:
        CellType(**changes)
    first, source, caret = str(caught.value).splitlines()
    assert message in first
    assert ", line" in first
    if marked is not None:
        assert source[caret.index("^") : caret.rindex("^") + 1] == marked


@pytest.mark.parametrize(("changes", "kind", "message"), [
    ({"equations": 3}, InvalidModelError, "equations are text"),
    ({"name": "my cell"}, InvalidModelError, "'my cell'"),
    ({"method": "eulr"}, EquationError, "'eulr' is not a method. Did you mean 'euler'?"),
    ({"parameters": [1]}, InvalidModelError, "parameters are numbers by name"),
    ({"initial": {"y": 1.0}}, InvalidModelError, "initial has 'y'"),
    ({"initial": {"x": 1.0 * pq.mV}}, ValueError, "the initial value of 'x' is in mV"),
    ({"events": {"x": "x > 1"}}, EquationError, "needs a name that nothing else has"),
    ({"receptors": {"e": "y = 2"}}, EquationError, "changes no variable"),
    ({"receptors": {"e": 3}}, InvalidModelError, "A receptor is a Receptor or text"),
    ({"tables": {"f": [1, 2]}}, InvalidModelError, "is a TimedArray"),
    ({"refractory": 2.0 * pq.mV, "threshold": "x > 1"}, ValueError, "a refractory period is a time"),
    ({"update_interval": -1.0}, ValueError, "is not a time"),
])  # fmt: skip
def test_wrong_arguments_are_refused(changes, kind, message):
    with pytest.raises(kind, match=".*") as caught:
        CellType(**{"equations": "dx/dt = -x/ms : 1", **changes})
    assert message in str(caught.value)


@pytest.mark.parametrize(("values", "dt"), [([], 1.0), (np.zeros((2, 2, 2)), 1.0), ([1.0], 0.0), ([1.0], "x")])
def test_wrong_tables_are_refused(values, dt):
    with pytest.raises(ValueError, match="TimedArray"):
        TimedArray(values, dt)


def test_a_parameter_of_zero_has_its_unit() -> None:
    made = CellType(equations="dv/dt = (E - v)/tau : mV", parameters="E = 0*mV\n tau = 10*ms", name="Zero")
    assert (made.definition.parameters["E"].default, made.definition.parameters["E"].unit) == (0.0, "mV")
