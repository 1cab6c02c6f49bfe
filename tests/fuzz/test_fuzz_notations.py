"""Damaged texts of models in the notations of Brian2 and ANNarchy, and of synapse types.

Each gives a type that can be analysed, or is refused with an exception of pyNN.errors; nothing is executed, and reading
ends. PYNN_EXAMPLES multiplies the number of texts, PYNN_FUZZ_SEED gives others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyNN.reference as sim
from pyNN.equations import CellType, Neuron, Synapse, SynapseType, synapses
from pyNN.equations.analysis import check

Copies = Callable[..., Iterator[bytes]]
Reading = Callable[[Callable[[], Any]], Any]

NEXT = "\n====\n"
"""Between the parts of a model."""
ATTACKS = (
    "__import__('os').system('true')", "().__class__.__bases__[0].__subclasses__()", "eval('1')", "(lambda: 1)()",
    "open('/etc/passwd').read()", "[x for x in (1, 2)]", "{v: 1}", "f'{v}'", "v.__class__", "(v := 3)", "yield v",
    "v[0]", "'a'*10**9", "9**9**9**9", "1e999", "1" * 5000, "None", "\x00", "\\", "\t", "\r", "\x1c", "ｅxp(v)", "µ",
    "\u0661", "0o17", "1_0", "import os", ";", "#", "\n", "(" * 90, ")", "-" * 900, "v" + "+v" * 900, "not " * 400,
    "exp(" * 150 + "v" + ")" * 150, "**", "//", "%", "=", "==", "+=", "<", ":", ",", "(", "[", "'", '"', "/", "*",
    " - ",
    "nan", "inf", "0", "-1", "1e-300", "1e300", "if ", " else ", "and ", "or ", "rand()", "randn()", "xi", "t", "dt",
    "i",
    "int(", "where(", "clip(", "exprel(", "dv/dt = ", "dx/dt", " : 1", " : volt", " : mV",
) + tuple(
    f" {n} "
    for n in "v g w x tau pre post t_pre t_post t_last weight delay plastic spike g_exc sum mean".split()
)
BRIAN = (
    "(unless refractory)", "(constant)", "(shared)", "(linked)", "(event-driven)", "boolean", "integer", "second",
    "mV", "tau**-0.5", "not_refractory", "lastspike", "timestep(", "v_rest", "rand()", "tau : second\n", "Hz", "2*ms",
)
ANNARCHY = (
    "init=", "min=", "max=", "explicit", "exponential", "implicit", "midpoint", "event-driven", "population",
    "projection", "bool", "int", "Uniform(0.0, 1.0)", "Normal(", "ite(", "sum(exc)", "pre.x", "post.v", "g_target", "w",
    "global", "mean(", "if v > 1.0 : 2.0 else : 3.0", "pos(", "modulo(", "t_last", "Constant(", " : projection",
)
SYNAPSES = (
    "(event-driven)", "(clock-driven)", "(pre)", "(post)", "v_post", "x_pre", "pre.v", "weight", "transmitted", "euler",
    "lastspike", "(rk4)", "plastic", "t_pre", "rand()", "delay",
)


def words(*further: tuple[str, ...]) -> list[bytes]:
    """Words of a notation, which may fit, are drawn as often as those that do harm."""
    return [word.encode("utf-8") for part in (ATTACKS, *further, *further, *further) for word in part]


def damaged_parts(
    copies: Copies, models: tuple[tuple[str, ...], ...], number: int, vocabulary: list[bytes]
) -> Iterator[list[str]]:
    """The parts of a model after damage, as many as the model has."""
    contents = [NEXT.join(model).encode() for model in models]
    for content in copies(contents, number, vocabulary):
        parts = content.decode("utf-8", "surrogateescape").split(NEXT)
        yield [*parts, "", "", "", "", ""][: len(models[0])]


LEAKY = """dv/dt = (v_rest - v + R*I)/tau + sigma*xi*tau**-0.5 : volt (unless refractory)
dg/dt = -g/(5*ms) : 1
I = g*nA + drive : amp
drive : amp (constant)
n : integer
on : boolean
tau : second (shared)"""
HH = """dv/dt = (-gl*(v - El) - gk*n**4*(v - Ek) + i_e)/Cm : volt
dn/dt = alpha*(1 - n) - 0.1/ms*n : 1
alpha = 0.032*(mV**-1)*5*mV/exprel((15*mV - v)/(5*mV))/ms : Hz
i_e = clip(v/(1*Mohm), -1*nA, 1*nA)*int(v > -50*mV) : amp"""
BRIAN_MODELS = (
    (LEAKY, "v > -50*mV and not on", "v = v_rest; n += 1\ng *= 0.5", "2*ms + rand()*ms", "v > -20*mV"),
    (HH, "v > -20*mV", "v = El", "v > -40*mV", "n > 0.5"),
)


def test_a_model_in_brian2s_notation_is_made_or_refused(read_or_refuse: Reading, damaged_copies: Copies) -> None:
    from pyNN.equations.brian_units import Mohm, ms, msiemens, mV, nA, uF

    namespace = {"v_rest": -65 * mV, "R": 20 * Mohm, "sigma": 1 * mV, "gl": 0.1 * msiemens, "El": -65 * mV}
    namespace |= {"gk": 6 * msiemens, "Ek": -90 * mV, "Cm": 1 * uF, "I0": 1 * nA, "T": 1 * ms}

    def make(parts: list[str]) -> Any:
        model, threshold, reset, refractory, event = parts
        group = sim.NeuronGroup(
            2, model, threshold=threshold or None, reset=reset or None, refractory=refractory or False,
            events={"burst": event} if event else None, namespace=namespace,
        )  # fmt: skip
        check(group.celltype.definition)
        return group

    sim.setup(timestep=0.1, engine="numpy")
    for model in BRIAN_MODELS:
        make(list(model))
    for count, parts in enumerate(damaged_parts(damaged_copies, BRIAN_MODELS, 150, words(BRIAN))):
        if count % 200 == 0:
            sim.setup(timestep=0.1, engine="numpy")
        read_or_refuse(lambda parts=parts: make(parts))
    sim.script.simulation.close()


def test_values_of_a_group_in_brian2s_notation_are_set_or_refused(
    read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    """``group.v["i > 1"] = "rand()*mV"`` and code at intervals."""
    sim.setup(timestep=0.1, engine="numpy")
    group = sim.NeuronGroup(4, "dv/dt = -v/(10*ms) : volt\nn : 1\ntau : second", method="euler")
    texts = (("i > 1 and v < -50*mV", "rand()*2*mV - 60*mV"), ("n == 2 or i % 2 == 0", "v*exp(-tau/(1*ms))"))

    def assign(index: str, value: str) -> None:
        group.v[index] = value

    for index, value in texts:
        assign(index, value)
    for index, value in damaged_parts(damaged_copies, texts, 150, words(BRIAN)):
        read_or_refuse(lambda index=index, value=value: assign(index, value))
        assert group.v_.shape == (4,)
    sim.script.simulation.close()


NEURONS = (
    (
        "tau = 10.0 : population\nE = -65.0\ncount = 0 : int\nk = 2.5",
        "tau*dv/dt = E - v + g_exc - g_inh + k*Normal(0.0, 1.0) : init=-65.0, min=-100.0\n"
        "tau*du/dt + u = v : exponential\ndg_exc/dt = -g_exc/5.0\nx = if v > E: 1.0 else: 0.0",
        "v > -50.0", "v = E\nu += 2.0\ng_exc *= 0.5", "f(x, y) = x + y*exp(-x)",
    ),
    (
        "C = 1.0", "C*dv/dt = f(1.0, 2.0) - g_exc*(v - 3.0) : exponential\nr = pos(v) : init=Normal(0.0, 1.0)",
        "(v >= 3.0) and (r > 0.0)", "v = clip(v, 0.0, 1.0)", "f(x, y) = x^2 - y\ng(x) = x",
    ),
)  # fmt: skip


def test_a_neuron_in_annarchys_notation_is_made_or_refused(read_or_refuse: Reading, damaged_copies: Copies) -> None:
    def make(parts: list[str]) -> Any:
        parameters, equations, spike, reset, functions = parts
        cell = Neuron(parameters, equations, spike or None, reset=reset or None, functions=functions or None)
        check(cell.definition)
        return cell

    for model in NEURONS:
        make(list(model))
    for parts in damaged_parts(damaged_copies, NEURONS, 150, words(ANNARCHY)):
        read_or_refuse(lambda parts=parts: make(parts))


ANNARCHY_SYNAPSES = (
    (
        "tau_plus = 20.0 : projection\nA = 0.02\nw_max = 0.05",
        "tau_plus*dx/dt = -x : event-driven\n30.0*dy/dt = -y : event-driven",
        "g_target += w\nw -= A*w_max*y : min=0.0, max=w_max\nx += 1.0",
        "w = clip(w + A*w_max*x, 0.0, w_max)\ny += 1.0", "",
    ),
    (
        "k = 2.0", "10.0*dx/dt = -x + pre.v*f(w) : init=0.5, exponential", "g_target += w*x", "x += post.v",
        "w*(pre.v - k)",
    ),
)  # fmt: skip


def test_a_synapse_in_annarchys_notation_is_made_or_refused(read_or_refuse: Reading, damaged_copies: Copies) -> None:
    def make(parts: list[str]) -> Any:
        parameters, equations, pre_spike, post_spike, psp = parts
        made = Synapse(
            parameters, equations, psp=psp or None, pre_spike=pre_spike or None, post_spike=post_spike or None,
            functions="f(x) = x*x + 1.0",
        )  # fmt: skip
        return synapses.rule(made.definition)

    for model in ANNARCHY_SYNAPSES:
        make(list(model))
    for parts in damaged_parts(damaged_copies, ANNARCHY_SYNAPSES, 150, words(ANNARCHY, SYNAPSES)):
        read_or_refuse(lambda parts=parts: make(parts))


SYNAPSE_TYPES = (
    (
        "dx/dt = -x/tau : 1 (event-driven)\ndy/dt = -y/(30*ms) : 1\ntau : ms",
        "x += 1; weight = clip(weight - A*y, 0, 1)",
        "y += 1\nweight += A*x if x > 0.1 else 0", "weight*x", "",
    ),
    (
        "dx/dt = (v_post/mV - x)/tau + xi*tau**-0.5 : 1 (euler)\nz = x**2 : 1\ntau : ms", "x += exp(-(t - t_pre)/tau)",
        "x = 0", "weight", "weight = weight + A*z*(dt/ms)",
    ),
)  # fmt: skip


def test_a_synapse_type_is_made_or_refused(read_or_refuse: Reading, damaged_copies: Copies) -> None:
    def make(parts: list[str]) -> Any:
        equations, on_pre, on_post, transmitted, each_step = parts
        made = SynapseType(
            equations, {"A": 0.1, "tau": (20.0, "ms")}, on_pre, on_post, transmitted, each_step=each_step
        )
        return synapses.rule(made.definition)

    for model in SYNAPSE_TYPES:
        make(list(model))
    for parts in damaged_parts(damaged_copies, SYNAPSE_TYPES, 150, words(SYNAPSES)):
        read_or_refuse(lambda parts=parts: make(parts))


CELL_TYPES = (
    (
        "dv/dt = (E - v)/tau + isyn/cm + sigma*xi : mV (unless refractory)\ndisyn/dt = -isyn/(5*ms) : nA\nw = v/mV : 1",
        "v > -50*mV and w < 3", "v = E; isyn *= 0.5", "2*ms + 1*ms*uniform()", "isyn += weight",
    ),
    ("dv/dt = -v**3/(tau*mV**2) : mV\nisyn : nA", "v > 1*mV", "v = 0*mV", "v > 0*mV", "isyn += weight/2"),
)  # fmt: skip


def test_a_cell_type_is_made_or_refused(read_or_refuse: Reading, damaged_copies: Copies) -> None:
    def make(parts: list[str]) -> Any:
        equations, threshold, reset, refractory, on_spike = parts
        parameters = {"E": (-65.0, "mV"), "tau": (10.0, "ms"), "cm": (1.0, "nF"), "sigma": (0.1, "mV/ms**0.5")}
        cell = CellType(
            equations, parameters, threshold, reset, refractory, receptors={"excitatory": on_spike}
        )
        check(cell.definition)
        return cell

    for model in CELL_TYPES:
        make(list(model))
    for parts in damaged_parts(damaged_copies, CELL_TYPES, 150, words(SYNAPSES)):
        read_or_refuse(lambda parts=parts: make(parts))
