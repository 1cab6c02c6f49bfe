"""How nonlinear models are integrated: order of the methods, exponentials, shared terms, cells side by side."""

import importlib.util
from types import ModuleType

import numpy as np
import pytest
from numpy.polynomial import polynomial
from scipy.integrate import DOP853, solve_ivp
from scipy.special import exprel

from pyNN.equations import analysis, functions, kernels, lockstep, methods, propagators
from pyNN.models import Definition, Parameter, State
from pyNN.standardmodels import cells

PENDULUM = Definition(
    "Pendulum",
    {"rate": Parameter(1.0, "/ms")},
    {"x": State(1.0, ""), "y": State(0.0, "")},
    equations="dx/dt = rate*y : 1\n dy/dt = -rate*sin(x) - rate*y**3 : 1",
)


def numpy_kernel(definition, dt, **parameters):
    program = kernels.build(analysis.analyse(definition))
    module = ModuleType("kernel")
    exec(compile(kernels.numpy_source(program), "<kernel>", "exec"), vars(module))
    values = {n: p.default for n, p in definition.parameters.items()} | parameters
    return program, module, propagators.coefficients(program, module, values, 1, dt)


def compiled(source, tmp_path, name):
    path = tmp_path / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def one_step(method, size, y, f):
    """One step of a tableau, in plain Python."""
    slopes = []
    for row in method.stages:
        slopes.append(f(y + size * sum((float(w) * k for w, k in zip(row, slopes, strict=True)), np.zeros_like(y))))
    return y + size * sum(float(w) * k for w, k in zip(method.weights, slopes, strict=True))


@pytest.mark.parametrize("name", ["dopri5", "dop853"])
def test_the_error_of_a_step_falls_with_the_order_plus_one(name):
    """Against SciPy at 1e-13; halving the step divides the error of one step by 2**(order + 1), to 0.4 of a power."""
    method = methods.METHODS[name]

    def f(y):
        return np.array([y[1], -np.sin(y[0]) - y[1] ** 3])

    def error(size):
        exact = solve_ivp(lambda t, y: f(y), (0.0, size), [1.0, 0.5], method="DOP853", rtol=1e-13, atol=1e-15).y[:, -1]
        return np.max(np.abs(one_step(method, size, np.array([1.0, 0.5]), f) - exact))

    sizes = (1.6, 0.8) if name == "dop853" else (0.1, 0.05)
    assert np.log2(error(sizes[0]) / error(sizes[1])) > method.order + 0.6


def test_the_method_of_eighth_order_is_scipys():
    method = methods.DORMAND_PRINCE_8
    for stage, row in enumerate(method.stages):
        assert [float(w) for w in row] == list(DOP853.A[stage, :stage])
    assert [float(w) for w in method.weights] == list(DOP853.B)
    for found, expected in ((method.error, DOP853.E5), (method.second_error, DOP853.E3)):
        assert [float(w) for w in found] == list(expected)
    for row, node in zip(method.stages, method.nodes, strict=False):
        assert float(sum(row)) == pytest.approx(float(node), abs=1e-14)


@pytest.mark.parametrize("dt", [0.05, 0.5, 3.0])
def test_any_time_step_gives_a_precise_course(dt):
    """1e-7 of the size of a variable and its change is allowed in each sub-step; a run has up to 120 steps of 0.05."""
    program, module, values = numpy_kernel(PENDULUM, dt)
    assert program.lockstep
    x = np.array([[1.0], [0.0]])
    steps = round(6.0 / dt)
    for _ in range(steps):
        module.update(x, np.zeros(1), np.zeros((0, 1)), np.zeros(1), values)
    exact = solve_ivp(
        lambda t, y: [y[1], -np.sin(y[0]) - y[1] ** 3], (0.0, 6.0), [1.0, 0.0], method="DOP853", rtol=1e-12, atol=1e-14
    ).y[:, -1]
    assert np.max(np.abs(x[:, 0] - exact)) < 1e-6


def test_each_cell_is_bit_for_bit_what_it_is_alone(tmp_path):
    """More cells than columns, at different phases, with finished cells leaving; and Numba as NumPy to rounding."""
    rng = np.random.default_rng(5)
    number = 3 * lockstep.WIDTH + 5
    gates = rng.uniform(0, 1, (3, number))
    start = np.array([rng.uniform(-80, 40, number), np.zeros(number), np.zeros(number), *gates])
    names = list(cells.HH_cond_exp.states)
    assert names[:3] == ["v", "gsyn_exc", "gsyn_inh"]
    program, module, values = numpy_kernel(cells.HH_cond_exp.definition, 0.1)
    made = compiled(kernels.numba_source(program, False), tmp_path, "side_by_side")

    def numba(x):
        size = x.shape[1]
        x = np.ascontiguousarray(x)
        made.update(0, size, x, np.zeros(size), np.zeros((2, size)), np.zeros(size), np.array(values),
                    np.zeros(size, int), np.zeros_like(x), 0, 0, 0, 0)
        return x

    together = numba(start.copy())
    assert np.all(np.isfinite(together))
    for cell in (0, 7, lockstep.WIDTH, number - 1):
        assert np.array_equal(numba(start[:, [cell]].copy())[:, 0], together[:, cell])
    plain = start.copy()
    with np.errstate(all="ignore"):
        module.update(plain, np.zeros(number), np.zeros((2, number)), np.zeros(number), values)
    assert np.max(np.abs(plain - together) / np.ptp(plain, axis=1, keepdims=True).clip(1e-300)) < 1e-12


def test_a_state_that_is_no_number_stays_so_and_harms_no_other(tmp_path):
    program, module, values = numpy_kernel(PENDULUM, 0.5)
    made = compiled(kernels.numba_source(program, False), tmp_path, "no_number")
    x = np.array([[1.0, np.nan, 1.0], [0.0, 0.0, 0.0]])
    made.update(0, 3, x, np.zeros(3), np.zeros((0, 3)), np.zeros(3), np.array(values), np.zeros(3, int),
                np.zeros((2, 3)), 0, 0, 0, 0)
    plain = np.array([[1.0, np.nan, 1.0], [0.0, 0.0, 0.0]])
    with np.errstate(all="ignore"):
        module.update(plain, np.zeros(3), np.zeros((0, 3)), np.zeros(3), values)
    for result in (x, plain):
        assert np.isnan(result[:, 1]).all()
        assert np.isfinite(result[:, [0, 2]]).all()
        assert np.array_equal(result[:, 0], result[:, 2])


def test_exponentials_that_differ_by_a_sign_and_a_number_are_computed_once():
    """HH has exp((40 - x)/5), its inverse in beta_m and, times exp(-5), in alpha_n."""
    found = analysis.analyse(cells.HH_cond_exp.definition)
    assert len(found.common) == 1
    assert sum(e.count("exp(") for e in found.increments.values()) == 2
    assert analysis.Analysis.from_json(found.to_json()) == found


def test_exponentials_of_compiled_kernels_are_those_of_libraries(tmp_path):
    """Relative error of exp at most 2 eps; of the others, exp - 1 loses a factor exp(x)/|exp(x) - 1| < 2.4: 8 eps."""
    made = compiled(functions.NUMBA_HEADER + functions.NUMBA_EXPONENTIALS, tmp_path, "exponentials")
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-700, 700, 20_000), rng.uniform(-1, 1, 20_000), 10.0 ** rng.uniform(-20, 0, 2000)])
    eps = np.finfo(float).eps

    def of(function):
        return np.array([function(v) for v in x])

    assert np.max(np.abs(of(made.exp) / np.exp(x) - 1)) <= 2 * eps
    assert np.max(np.abs(of(made.expm1) / np.expm1(x) - 1)) <= 8 * eps
    assert np.max(np.abs(of(made.exprel) / exprel(x) - 1)) <= 8 * eps
    assert np.max(np.abs(of(made.inverse_exprel) * exprel(x) - 1)) <= 8 * eps
    assert [made.exp(v) for v in (0.0, -800.0, -np.inf, 800.0, np.inf)] == [1.0, 0.0, 0.0, np.inf, np.inf]
    assert np.isnan(made.exp(np.nan))
    assert made.exprel(0.0) == made.inverse_exprel(0.0) == 1.0


def test_the_series_of_the_inverse_has_bernoullis_numbers():
    """x/(exp(x) - 1) times (exp(x) - 1)/x is 1, as power series up to the twelfth power."""
    factorials = np.cumprod([1.0, *range(1, 15)])
    series = [1, -1 / 2, 1 / 12, 0, -1 / 720, 0, 1 / 30240, 0, -1 / 1209600, 0, 1 / 47900160, 0, -691 / 1307674368000]
    product = polynomial.polymul(series, 1 / factorials[1:])[:13]
    assert product == pytest.approx([1.0, *[0.0] * 12], abs=1e-16)


ADEX = """
    dv/dt = (g*(E - v) + g*D*exp((v - T)/D) + 1*nA - w)/C : mV (init=-70.6)
    dw/dt = (a*(v - E) - w)/(144*ms) : nA
"""
ADEX_PARAMETERS = {
    "C": (281, "pF"), "g": (30, "nS"), "E": (-70.6, "mV"), "T": (-50.4, "mV"), "D": (2, "mV"), "a": (4, "nS"),
}


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("adapting", [True, False])
def test_an_upstroke_that_diverges_within_a_step_is_a_spike(engine, adapting):
    """The spike is that of the step in which SciPy's solution crosses the threshold and, 0.6 us later, diverges."""
    import pyNN.reference as sim
    from pyNN.equations import CellType

    text = ADEX if adapting else ADEX.splitlines()[1].replace(" - w", "")
    Cell = CellType(
        name="Cell", equations=text, parameters=ADEX_PARAMETERS, threshold="v > -30.4*mV", reset="v = -70.6*mV"
    )

    def slopes(t, x):
        v, w = x if adapting else (x[0], 0.0)
        dv = (0.03*(-70.6 - v) + 0.06*np.exp((v + 50.4)/2) + 1 - w)/0.281
        return [dv, (0.004*(v + 70.6) - w)/144] if adapting else [dv]

    def crossing(t, x):
        return x[0] + 30.4

    crossing.terminal = True
    start = [-70.6, 0.0] if adapting else [-70.6]
    wanted = solve_ivp(slopes, (0, 100), start, "DOP853", events=crossing, rtol=1e-11, atol=1e-12).t_events[0][0]
    sim.setup(timestep=0.1, engine=engine)
    cells = sim.Population(3, Cell())
    cells.record("spikes")
    sim.run(30.0)
    for train in cells.get_data().segments[0].spiketrains:
        assert float(train[0]) == pytest.approx(0.1*np.ceil(wanted/0.1), abs=1e-9)
    sim.end()


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_what_diverges_without_a_threshold_is_an_error(engine):
    import pyNN.reference as sim
    from pyNN.equations import CellType
    from pyNN.errors import SimulatorError

    Cell = CellType(name="Cell", equations="dx/dt = x**2/ms : 1 (init=1)\ndy/dt = sin(y)/ms : 1", threshold="y > 5")
    sim.setup(timestep=0.1, engine=engine)
    sim.Population(1, Cell())
    with pytest.raises(SimulatorError, match="'x' of cell 0"):
        sim.run(5.0)
    sim.end()


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # The right side jumps while x is 0: at 5.05 ms, within a step, and at 5 ms, between two.
        ("dx/dt = int(t > 5.05*ms)/ms : 1", 4.95),
        ("dx/dt = int(t > 5*ms)/ms : 1", 5.0),
        ("dx/dt = int(t > 5.05*ms)*exp(-y)/ms : 1\ndy/dt = exp(-y)*int(t > 5*ms)/ms : 1", np.log(6.0/1.05)),
        ("dx/dt = int(x < 0.5)/(1*ms) : 1", 0.5),
        ("dx/dt = (1 - x)*int(tau > 5*ms)/tau : 1\ntau : ms (init=10)", 1.0 - np.exp(-1.0)),
        ("dx/dt = int(i == 1)*N/(10*ms) : 1", [0.0, 2.0]),
        ("dx/dt = (k - x)/(10*ms) : 1\nk = dt/(0.1*ms) : 1", 1.0 - np.exp(-1.0)),
        ("dx/dt = -dt/(0.1*ms)*x**2/ms + 1/ms : 1", np.tanh(10.0)),
    ],
)
def test_conditions_and_the_time_step_in_equations(engine, text, wanted):
    import pyNN.reference as sim
    from pyNN.equations import CellType

    sim.setup(timestep=0.1, engine=engine)
    cells = sim.Population(2, CellType(name="Cell", equations=text)())
    cells.record("x")
    sim.run(10.0)
    x = cells.get_data().segments[0].filter(name="x")[0].magnitude[-1]
    # Jumps are found to 1e-8 of a step; the tolerance of adaptive steps is 2e-8 a step.
    np.testing.assert_allclose(x, wanted, rtol=0, atol=1e-6)
    sim.end()


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_what_is_assigned_to_a_whole_number_loses_its_fraction(engine):
    import pyNN.reference as sim
    from pyNN.equations import CellType

    Cell = CellType(
        name="Cell", equations="dv/dt = 1*mV/ms : mV\nn : integer\nm : integer", threshold="v > 5*mV",
        reset="v = 0*mV", events={"low": ("v > 1*mV and n < 3", "n += 1.7; m = n//2 + int(2.6)")},
    )
    sim.setup(timestep=0.1, engine=engine)
    cells = sim.Population(1, Cell())
    cells.record(["n", "m"])
    sim.run(3.0)
    data = cells.get_data().segments[0]
    # 0 + 1.7 -> 1, 1 + 1.7 -> 2, 2 + 1.7 -> 3; m = 3//2 + 2.
    assert [data.filter(name=name)[0].magnitude[-1, 0] for name in "nm"] == [3.0, 3.0]
    sim.end()
