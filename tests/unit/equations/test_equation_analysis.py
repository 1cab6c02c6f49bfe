"""What an analysis finds: coherent units, the linear part, and the numbers of its propagator."""

from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pyNN.equations import analysis, dimensions, kernels, methods, propagators, store
from pyNN.models import Definition, Parameter, State
from pyNN.standardmodels import cells

STANDARD = [cells.IF_curr_exp, cells.IF_curr_alpha, cells.IF_curr_delta, cells.IF_cond_exp, cells.IF_cond_alpha]


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("mV", 1.0), ("ms", 1.0), ("nA", 1.0), ("nF", 1.0), ("uS", 1.0), ("nA/nF", 1.0), ("uS*mV", 1.0), ("mV/ms", 1.0),
        ("Hz", 1e-3), ("nS", 1e-3), ("pA", 1e-3), ("V", 1e3), ("s", 1e3), ("pF", 1e-3), ("", 1.0),
    ],
)
def test_factors_to_the_coherent_system_follow_from_the_units(unit, factor):
    assert dimensions.coherent_factor(unit) == factor


@pytest.mark.parametrize("cell_type", STANDARD)
def test_current_based_models_are_wholly_linear_and_conductances_linear_but_for_v(cell_type):
    found = analysis.analyse(cell_type.definition)
    assert found.nonlinear == (["v"] if "cond" in cell_type.__name__ else [])
    assert sorted([*found.linear, *found.nonlinear]) == sorted(found.states)
    assert found.held == ["v"]


@pytest.mark.parametrize("cell_type", STANDARD)
def test_an_analysis_survives_storing(cell_type):
    found = analysis.analyse(cell_type.definition)
    assert analysis.Analysis.from_json(found.to_json()) == found


def evaluate(definition, parameters, size, dt):
    program = kernels.build(analysis.analyse(definition))
    module = ModuleType("kernel")
    exec(compile(kernels.numpy_source(program), "<kernel>", "exec"), vars(module))
    values = propagators.coefficients(program, module, parameters, size, dt)
    return program, dict(zip(program.coefficients, values, strict=True)), module


def test_units_that_are_not_coherent_are_converted():
    """dx/dt = rate*x with a rate of 100 Hz grows by exp(0.1*t/ms): the factor 1e-3 comes from the units alone."""
    definition = Definition(
        "Growth", {"rate": Parameter(100.0, "Hz")}, {"x": State(1.0, "mV")}, equations="dx/dt = rate*x : mV"
    )
    _, values, _ = evaluate(definition, {"rate": 100.0}, 1, 0.5)
    assert values["_p0_0_0"] == pytest.approx(np.exp(0.05), rel=1e-15)


def test_equal_time_constants_and_singular_matrices_are_no_special_case():
    definition = Definition(
        "Chain",
        {"tau": Parameter(2.0, "ms"), "slope": Parameter(3.0, "mV/ms")},
        {"a": State(0.0, "mV"), "b": State(0.0, "mV"), "c": State(0.0, "mV*ms")},
        equations="da/dt = -a/tau : mV\n db/dt = a/tau - b/tau : mV\n dc/dt = b + slope*tau : mV*ms",
    )
    program, values, module = evaluate(definition, {"tau": 2.0, "slope": 3.0}, 1, 0.5)
    states = np.array([[1.0], [0.5], [0.2]])
    coefficients = [values[name] for name in program.coefficients]
    for _ in range(10):
        module.update(states, np.zeros(1), np.zeros((0, 1)), np.zeros(1), coefficients)
    solution = solve_ivp(
        lambda t, y: [-y[0] / 2, y[0] / 2 - y[1] / 2, y[1] + 6], (0, 5), [1.0, 0.5, 0.2], method="DOP853", rtol=1e-13,
        atol=1e-15,
    )
    assert states[:, 0] == pytest.approx(solution.y[:, -1], rel=1e-11)


def test_each_distinct_parameter_set_gets_its_own_propagator():
    parameters = {n: p.default for n, p in cells.IF_curr_exp.parameters.items()}
    parameters["tau_m"] = np.array([10.0, 20.0, 10.0, 5.0])
    _, values, _ = evaluate(cells.IF_curr_exp.definition, parameters, 4, 0.1)
    assert values["_p0_0_0"] == pytest.approx(np.exp(-0.1 / parameters["tau_m"]), rel=1e-15)
    tau_s, tau_m = 5.0, parameters["tau_m"]
    with np.errstate(all="ignore"):
        coupling = (np.exp(-0.1 / tau_m) - np.exp(-0.1 / tau_s)) / (1 / tau_s - 1 / tau_m)
    coupling[3] = 0.1 * np.exp(-0.1 / 5.0)
    assert values["_p0_0_1"] == pytest.approx(coupling, rel=1e-12)


def test_thousands_of_parameter_sets_get_scipys_propagators_in_a_moment():
    """Both ways of exponentiating agree to 1e-14 of the largest entry, over five decades of time constants."""
    rng = np.random.default_rng(2)
    size = 3000
    parameters = {n: p.default for n, p in cells.IF_curr_alpha.parameters.items()}
    parameters["tau_m"] = 10 ** rng.uniform(-1, 2, size)
    parameters["tau_syn_E"] = np.where(rng.random(size) < 0.1, parameters["tau_m"], 10 ** rng.uniform(-2, 2, size))
    parameters["i_offset"] = rng.uniform(-1, 1, size)
    _, many, _ = evaluate(cells.IF_curr_alpha.definition, parameters, size, 0.1)
    some = {n: v[:40] if isinstance(v, np.ndarray) else v for n, v in parameters.items()}
    _, few, _ = evaluate(cells.IF_curr_alpha.definition, some, 40, 0.1)
    for name, value in few.items():
        assert np.ravel(many[name])[: np.size(value)] == pytest.approx(np.ravel(value), rel=1e-12, abs=1e-15), name


@pytest.mark.parametrize(
    ("period", "steps"), [(0.0, 0), (0.1, 1), (0.3, 3), (0.25, 3), (2.0, 20), (0.05, 1), (0.30000001, 3)]
)
def test_a_refractory_period_is_rounded_up_to_whole_steps(period, steps):
    assert propagators.refractory_steps(period, 0.1) == steps


def test_the_runge_kutta_method_meets_the_order_conditions_that_define_order_five():
    """Sums over b, A and c that the theory of Butcher demands, in exact arithmetic (Hairer, Norsett, Wanner II.2)."""
    method = methods.DORMAND_PRINCE
    b, c = method.weights, method.nodes
    rows = [list(row) + [Fraction(0)] * (len(b) - len(row)) for row in method.stages]
    for power in range(5):
        assert sum(w * x**power for w, x in zip(b, c, strict=False)) == Fraction(1, power + 1)
    for row, node in zip(rows, c, strict=False):
        assert sum(row) == node
    inner = [sum(a * x for a, x in zip(row, c, strict=False)) for row in rows]
    inner2 = [sum(a * x**2 for a, x in zip(row, c, strict=False)) for row in rows]
    inner3 = [sum(a * x**3 for a, x in zip(row, c, strict=False)) for row in rows]
    assert sum(w * i for w, i in zip(b, inner, strict=True)) == Fraction(1, 6)
    assert sum(w * x * i for w, x, i in zip(b, c, inner, strict=False)) == Fraction(1, 8)
    assert sum(w * i for w, i in zip(b, inner2, strict=True)) == Fraction(1, 12)
    assert sum(w * i for w, i in zip(b, inner3, strict=True)) == Fraction(1, 20)
    assert sum(method.error) == 0


def test_what_is_stored_depends_on_the_dynamics_and_not_on_defaults():
    class Other(cells.IF_curr_exp):
        parameters = {**cells.IF_curr_exp.parameters, "tau_m": Parameter(7.0, "ms", minimum=0.0, exclusive=True)}

    class Changed(cells.IF_curr_exp):
        threshold = "v > v_thresh"

    assert store.key(Other.definition) == store.key(cells.IF_curr_exp.definition)
    assert store.key(Changed.definition) != store.key(cells.IF_curr_exp.definition)
