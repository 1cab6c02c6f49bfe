"""Random networks: whatever is built, the engines and the simulators agree, and the invariants of the interface hold.

Hypothesis draws the structure of a network (what is connected how) and seeds; numbers such as weights come from NumPy
generators with these seeds, so that a counterexample stays short. PYNN_EXAMPLES multiplies how many are drawn.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import csa
import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from pyNN.core import IndexBasedExpression
from pyNN.errors import ConnectorError, RoundingWarning
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.space import Grid2D, Line, RandomStructure, Sphere

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))
"""How many times as many examples as usual."""
MAX_SIZE = 50
DT = 0.1

LINEAR = ("IF_curr_exp", "IF_curr_alpha", "IF_curr_delta")
CELL_TYPES = (
    *LINEAR,
    "IF_cond_exp",
    "IF_cond_alpha",
    "IF_cond_exp_gsfa_grr",
    "IF_facets_hardware1",
    "EIF_cond_exp_isfa_ista",
    "EIF_cond_alpha_isfa_ista",
    "HH_cond_exp",
    "Izhikevich",
    "GIF_cond_exp",
    "PointNeuron",
)
FAST = tuple(kind for kind in CELL_TYPES if kind != "HH_cond_exp")
"""Those that take no millisecond a step in plain NumPy."""
SOURCES = (
    "SpikeSourceArray",
    "SpikeSourcePoisson",
    "SpikeSourcePoissonRefractory",
    "SpikeSourceGamma",
    "SpikeSourceInhGamma",
)
CONNECTORS = (
    "AllToAllConnector",
    "ArrayConnector",
    "CSAConnector",
    "CloneConnector",
    "DisplacementDependentProbabilityConnector",
    "DistanceDependentProbabilityConnector",
    "FixedNumberPostConnector",
    "FixedNumberPreConnector",
    "FixedProbabilityConnector",
    "FixedTotalNumberConnector",
    "FromFileConnector",
    "FromListConnector",
    "IndexBasedProbabilityConnector",
    "OneToOneConnector",
    "SmallWorldConnector",
)
PLASTIC = (
    "TsodyksMarkramSynapse",
    "SimpleStochasticSynapse",
    "MultiQuantalSynapse",
    "StochasticTsodyksMarkramSynapse",
    "STDP additive",
    "STDP multiplicative",
    "STDP Gutig",
    "STDP Vogels",
)
UNSTABLE = ("EIF_cond_exp_isfa_ista", "EIF_cond_alpha_isfa_ista", "HH_cond_exp", "Izhikevich", "PointNeuron")
"""Cells with an upstroke of their own, in which the distance of two potentials grows (PointNeuron may be an AdExp)."""
UNSTABLE_MV = 1e-5
"""How far rounding may get in an upstroke: 1e-13 mV grow at most about a million times until the spike."""
CURRENTS = ("DCSource", "StepCurrentSource", "ACSource", "NoisyCurrentSource")
WEIGHT_SCALE = {"nA": 1.0, "mV": 4.0, "uS": 0.03}
"""Of a connection that matters, by the unit of the receptor."""


# --- plans: what hypothesis draws


@dataclass(frozen=True)
class Cells:
    """A population."""

    kind: str
    size: int
    seed: int
    structure: str


@dataclass(frozen=True)
class Member:
    """A population, or a view of a view ... of it."""

    population: int
    selectors: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Wiring:
    """A projection; a side with more than one member is an assembly."""

    pre: tuple[Member, ...]
    post: tuple[Member, ...]
    connector: str
    synapse: str
    seed: int
    self_connections: bool
    explicit_rng: bool


@dataclass(frozen=True)
class Plan:
    cells: tuple[Cells, ...]
    wirings: tuple[Wiring, ...]
    currents: tuple[tuple[str, int], ...]
    """Kind of source, and the population that it is injected into."""
    steps: int


SEEDS = st.integers(0, 10_000)
SELECTORS = st.one_of(
    st.tuples(st.just("slice"), st.integers(0, 20), st.integers(0, 50), st.integers(1, 3)),
    st.tuples(st.just("mask"), SEEDS),
    st.tuples(st.just("indices"), SEEDS),
)


@st.composite
def plans(
    draw: st.DrawFn,
    kinds: tuple[str, ...] = CELL_TYPES,
    synapses: tuple[str, ...] = ("StaticSynapse",),
    connectors: tuple[str, ...] = CONNECTORS,
    sources: tuple[str, ...] = SOURCES,
    currents: tuple[str, ...] = CURRENTS,
) -> Plan:
    """One or two populations of sources, some of cells of one or more kinds, and projections between parts of them."""
    sizes = st.one_of(st.integers(0, 3), st.integers(4, MAX_SIZE))
    structures = st.sampled_from(["Line", "Grid2D", "RandomStructure"])

    def population(kinds: tuple[str, ...]) -> Cells:
        kind, size = draw(st.sampled_from(kinds)), draw(sizes)
        # In plain NumPy, cells of the Hodgkin-Huxley type take a millisecond a step each.
        return Cells(kind, min(size, 3) if kind == "HH_cond_exp" else size, draw(SEEDS), draw(structures))

    senders = [population(sources) for _ in range(draw(st.integers(1, 2)))]
    neurons = [population(kinds) for _ in range(draw(st.integers(1, 3)))]
    cells = (*senders, *neurons)

    def group(choice: list[int]) -> tuple[Member, ...]:
        # Each cell once in an assembly, so different populations.
        chosen = draw(st.lists(st.sampled_from(choice), min_size=1, max_size=3, unique=True))
        return tuple(Member(number, tuple(draw(st.lists(SELECTORS, max_size=2)))) for number in chosen)

    def wiring() -> Wiring:
        target = draw(st.integers(len(senders), len(cells) - 1))
        # An assembly receives on a receptor that all its members have, in one unit.
        alike = [number for number, c in enumerate(cells) if c.kind == cells[target].kind]
        return Wiring(
            group(list(range(len(cells)))),
            group(alike),
            draw(st.sampled_from(connectors)),
            draw(st.sampled_from(synapses)),
            draw(SEEDS),
            draw(st.booleans()),
            draw(st.booleans()),
        )

    wirings = [wiring() for _ in range(draw(st.integers(1, 4)))]
    targets = st.integers(len(senders), len(cells) - 1)
    injected = draw(st.lists(st.tuples(st.sampled_from(currents), targets), max_size=2))
    return Plan(cells, tuple(wirings), tuple(injected), draw(st.integers(1, 400)))


# --- from a plan to a network


class Network:
    """The network of a plan on one backend."""

    def __init__(self, sim: Any, plan: Plan) -> None:
        self.sim = sim
        self.plan = plan
        self.populations = [_population(sim, cells) for cells in plan.cells]
        for number, (kind, target) in enumerate(plan.currents):
            _current(sim, kind, number).inject_into(self.populations[target])
        self.projections: list[Any] = []
        self.made: list[Wiring] = []
        """The wiring of each projection."""
        self.refusals: list[str] = []
        for wiring in plan.wirings:
            self._connect(wiring)
        for population in self.populations:
            population.record(["spikes", *(["v"] if population.can_record("v") else [])])

    def _connect(self, wiring: Wiring) -> None:
        pre, post = (self._group(members) for members in (wiring.pre, wiring.post))
        rng = np.random.default_rng(wiring.seed)
        receptors = post.receptor_types
        receptor = receptors[wiring.seed % len(receptors)]
        declared = post._roots()[0].definition.receptors[receptor] if post._roots() else None
        synapse = _synapse(self.sim, wiring, declared, rng)
        try:
            with tempfile.TemporaryDirectory() as folder:
                connector = self._connector(wiring, pre, post, rng, Path(folder) / "list.txt")
                made = self.sim.Projection(pre, post, connector, synapse, receptor_type=receptor)
        except ConnectorError as error:
            # What is impossible must be so on every backend, in the same words.
            self.refusals.append(str(error))
        else:
            self.projections.append(made)
            self.made.append(wiring)

    def _group(self, members: tuple[Member, ...]) -> Any:
        groups = []
        for member in members:
            group = self.populations[member.population]
            for selector in member.selectors:
                group = group[_selection(selector, group.size)]
            groups.append(group)
        return groups[0] if len(groups) == 1 else self.sim.Assembly(*groups)

    def _connector(self, wiring: Wiring, pre: Any, post: Any, rng: np.random.Generator, path: Path) -> Any:
        sim, name = self.sim, wiring.connector
        drawn: dict[str, Any] = {"rng": NumpyRNG(wiring.seed)} if wiring.explicit_rng else {}
        several = {"allow_self_connections": wiring.self_connections, **drawn}
        if name in ("FromListConnector", "FromFileConnector"):
            size = int(rng.integers(0, 60)) if pre.size and post.size else 0
            rows = np.column_stack([rng.integers(0, max(1, n.size), size) for n in (pre, post)])
            np.savetxt(path, rows, fmt="%d")
            return sim.FromListConnector(rows) if name == "FromListConnector" else sim.FromFileConnector(str(path))
        if name == "CloneConnector":
            # Of the last projection between the same cells, or of a new one.
            return sim.CloneConnector(sim.Projection(pre, post, sim.FixedProbabilityConnector(0.3, **drawn)))
        made: dict[str, Callable[[], Any]] = {
            "AllToAllConnector": lambda: sim.AllToAllConnector(wiring.self_connections),
            "ArrayConnector": lambda: sim.ArrayConnector(rng.random((pre.size, post.size)) < 0.3),
            "CSAConnector": lambda: sim.CSAConnector(csa.oneToOne if wiring.self_connections else csa.full),
            "DisplacementDependentProbabilityConnector": lambda: sim.DisplacementDependentProbabilityConnector(
                lambda d: 0.5 * (d[0] > -5.0), **several
            ),
            "DistanceDependentProbabilityConnector": lambda: sim.DistanceDependentProbabilityConnector(
                "0.8*exp(-d/10) + 0.1", **several
            ),
            "FixedNumberPostConnector": lambda: sim.FixedNumberPostConnector(
                int(rng.integers(0, 8)), with_replacement=bool(rng.integers(2)), **several
            ),
            "FixedNumberPreConnector": lambda: sim.FixedNumberPreConnector(
                int(rng.integers(0, 8)), with_replacement=bool(rng.integers(2)), **several
            ),
            "FixedProbabilityConnector": lambda: sim.FixedProbabilityConnector(float(rng.random()), **several),
            "FixedTotalNumberConnector": lambda: sim.FixedTotalNumberConnector(
                int(rng.integers(0, 200)), with_replacement=bool(rng.integers(2)), **several
            ),
            "IndexBasedProbabilityConnector": lambda: sim.IndexBasedProbabilityConnector(EveryThird(), **several),
            "OneToOneConnector": sim.OneToOneConnector,
            "SmallWorldConnector": lambda: sim.SmallWorldConnector(3.0, 0.3, **several),
        }
        return made[name]()

    def connections(self) -> list[list[tuple[Any, ...]]]:
        """(pre, post, weight, delay) of each projection."""
        return [projection.get(["weight", "delay"], format="list") for projection in self.projections]

    def spikes(self, segment: int = -1) -> list[list[Any]]:
        """Of each cell of each population, its spike times (ms)."""
        return [
            [train.magnitude.tolist() for train in population.get_data("spikes").segments[segment].spiketrains]
            for population in self.populations
        ]

    def potentials(self, segment: int = -1) -> list[tuple[str, Any]]:
        """Of each population that has one, the kind of cells and (samples, cells)."""
        return [
            (cells.kind, signal.magnitude)
            for cells, population in zip(self.plan.cells, self.populations, strict=True)
            if population.can_record("v")
            for signal in population.get_data("v").segments[segment].analogsignals
        ]


class EveryThird(IndexBasedExpression):
    def __call__(self, i: Any, j: Any) -> Any:
        return np.where((i + 2 * j) % 3 == 0, 0.9, 0.05)


def _selection(selector: tuple[Any, ...], size: int) -> Any:
    if selector[0] == "slice":
        return slice(*selector[1:])
    rng = np.random.default_rng(selector[1])
    if selector[0] == "mask":
        return rng.random(size) < 0.5
    return rng.permutation(size)[: int(rng.integers(0, size + 1))]


def _population(sim: Any, cells: Cells) -> Any:
    rng = np.random.default_rng(cells.seed)
    n = cells.size
    structures = {
        "Line": lambda: Line(dx=2.0),
        "Grid2D": lambda: Grid2D(aspect_ratio=max(1, n), dx=3.0),
        "RandomStructure": lambda: RandomStructure(Sphere(10.0), rng=NumpyRNG(cells.seed)),
    }
    initial: dict[str, Any] = {}
    if cells.kind in SOURCES:
        celltype = _source(sim, cells.kind, n, rng)
    else:
        celltype = _celltype(sim, cells.kind, n, rng)
        if cells.kind != "HH_cond_exp":
            initial = {"v": rng.uniform(-75.0, -55.0, n)}
    return sim.Population(n, celltype, structure=structures[cells.structure](), initial_values=initial)


def _celltype(sim: Any, kind: str, n: int, rng: np.random.Generator) -> Any:
    if kind == "PointNeuron":
        receptors = [sim.ExpPSR(tau_syn=3.0, e_syn=0.0), sim.AlphaPSR(tau_syn=rng.uniform(1.0, 8.0, n), e_syn=-75.0)]
        neuron = sim.AdExp() if rng.integers(2) else sim.LIF(i_offset=rng.uniform(0.0, 1.5, n))
        return sim.PointNeuron(neuron, fast=receptors[0], slow=receptors[1])
    if kind == "Izhikevich":
        return sim.Izhikevich(i_offset=rng.uniform(0.0, 0.02, n))
    parameters: dict[str, Any] = {} if kind == "HH_cond_exp" else {"tau_m": rng.uniform(8.0, 25.0, n)}
    if kind == "GIF_cond_exp":
        parameters = {}
    if kind not in ("IF_facets_hardware1",):
        parameters["i_offset"] = rng.uniform(0.0, 1.2, n)
    else:
        parameters = {"g_leak": rng.uniform(10.0, 40.0, n), "v_rest": rng.uniform(-70.0, -54.0, n)}
    return getattr(sim, kind)(**parameters)


def _source(sim: Any, kind: str, n: int, rng: np.random.Generator) -> Any:
    if kind == "SpikeSourceArray":
        times = [np.sort(rng.integers(1, 400, int(rng.integers(0, 6)))) * DT for _ in range(n)]
        return sim.SpikeSourceArray(spike_times=[sim.Sequence(train) for train in times])
    made = {
        "SpikeSourcePoisson": lambda: sim.SpikeSourcePoisson(rate=rng.uniform(0.0, 200.0, n)),
        "SpikeSourcePoissonRefractory": lambda: sim.SpikeSourcePoissonRefractory(rate=120.0, tau_refrac=2.0),
        "SpikeSourceGamma": lambda: sim.SpikeSourceGamma(alpha=rng.uniform(0.5, 4.0, n), beta=200.0),
        "SpikeSourceInhGamma": lambda: sim.SpikeSourceInhGamma(
            a=sim.Sequence([2.0, 3.0]), b=sim.Sequence([0.005, 0.002]), tbins=sim.Sequence([0.0, 15.0])
        ),
    }
    return made[kind]()


def _current(sim: Any, kind: str, number: int) -> Any:
    if kind == "DCSource":
        return sim.DCSource(amplitude=0.4, start=3.0, stop=25.0)
    if kind == "StepCurrentSource":
        return sim.StepCurrentSource(times=[1.0, 8.0, 20.0], amplitudes=[0.5, -0.3, 0.8])
    if kind == "ACSource":
        return sim.ACSource(amplitude=0.5, offset=0.1, frequency=40.0, phase=30.0, start=2.0, stop=30.0)
    return sim.NoisyCurrentSource(mean=0.2, stdev=0.3, start=0.0, stop=40.0, dt=1.0)


def _synapse(sim: Any, wiring: Wiring, receptor: Any, rng: np.random.Generator) -> Any:
    """A synapse type, with weights and delays drawn by the core or given by a number."""
    scale = WEIGHT_SCALE[receptor.unit] if receptor is not None else 1.0
    sign = -1.0 if receptor is not None and receptor.sign < 0 else 1.0
    weights = [
        sign * scale * 0.37,
        RandomDistribution("uniform", sorted((sign * scale * 0.05, sign * scale)), rng=NumpyRNG(wiring.seed + 1)),
        RandomDistribution("uniform", sorted((0.0, sign * scale))),
    ]
    delays = [
        None,
        DT * int(rng.integers(1, 40)),
        RandomDistribution("uniform", (DT, 4.0), rng=NumpyRNG(wiring.seed + 2)),
        f"{2 * DT} + 0.03*d",
    ]
    values: dict[str, Any] = {"weight": weights[rng.integers(3)], "delay": delays[rng.integers(4)]}
    if not wiring.synapse.startswith("STDP"):
        return getattr(sim, wiring.synapse)(**values)
    bounds = {"w_min": 0.0, "w_max": 1.5 * scale}
    dependences = {
        "STDP additive": sim.AdditiveWeightDependence,
        "STDP multiplicative": sim.MultiplicativeWeightDependence,
        "STDP Gutig": sim.GutigWeightDependence,
        "STDP Vogels": sim.AdditiveWeightDependence,
    }
    rule = sim.Vogels2011Rule(eta=0.01, rho=0.02) if wiring.synapse == "STDP Vogels" else sim.SpikePairRule(A_plus=0.05)
    return sim.STDPMechanism(timing_dependence=rule, weight_dependence=dependences[wiring.synapse](**bounds), **values)


@contextmanager
def network(backend: str, plan: Plan, **options: Any) -> Iterator[Network]:
    """The plan's network on a backend, which is free again afterwards."""
    sim = importlib.import_module(f"pyNN.{backend}")
    sim.setup(timestep=DT, min_delay=DT, max_delay=20.0, rng_seed=7, **options)
    try:
        with warnings.catch_warnings():
            # Delays are drawn off the grid on purpose.
            warnings.simplefilter("ignore", RoundingWarning)
            yield Network(sim, plan)
    finally:
        sim.script.simulation.close()


@dataclass
class Outcome:
    """What a plan became on a backend."""

    connections: list[list[tuple[Any, ...]]]
    """(pre, post, weight, delay) of each projection, after the run."""
    refusals: list[str]
    spikes: list[list[Any]]
    potentials: list[tuple[str, Any]]
    """(kind of cells, samples of v) of each population that has a potential."""


def outcome(backend: str, plan: Plan, pieces: int = 1, **options: Any) -> Outcome:
    """The plan built and run, in one piece or several."""
    with network(backend, plan, **options) as net:
        stops = np.linspace(0, plan.steps, pieces + 1).round().astype(int)
        for steps in np.diff(stops):
            net.sim.run(steps * DT)
        return Outcome(net.connections(), net.refusals, net.spikes(), net.potentials())


def assert_same(found: Outcome, expected: Outcome, potential_mv: float = 0.0, weight: float = 0.0) -> None:
    """The same connections, refusals and spikes; potentials and weights (relative) within the tolerances."""
    assert found.refusals == expected.refusals
    assert found.spikes == expected.spikes
    assert_same_connections(found.connections, expected.connections, weight)
    for (kind, one), (_, other) in zip(found.potentials, expected.potentials, strict=True):
        tolerance = UNSTABLE_MV if potential_mv and kind in UNSTABLE else potential_mv
        np.testing.assert_allclose(one, other, rtol=0.0, atol=tolerance)


def assert_same_connections(found: Any, expected: Any, weight: float = 0.0) -> None:
    for one, other in zip(found, expected, strict=True):
        assert [row[:2] for row in one] == [row[:2] for row in other]
        values, wanted = (np.array([row[2:] for row in rows]).reshape(-1, 2) for rows in (one, other))
        # A weight that plasticity brings to 0 may end at a rounding from it.
        np.testing.assert_allclose(values, wanted, rtol=weight, atol=1e-15 if weight else 0.0)


# --- engines


# Each example brings kernels that are compiled, a second or two each where none are stored yet.
@settings(max_examples=4 * FACTOR)
@given(plans(synapses=("StaticSynapse", *PLASTIC)))
def test_both_engines_do_the_same(plan: Plan) -> None:
    """docs/accuracy.md: the same spikes, potentials within 1e-12 mV; weights within as many roundings."""
    compiled = outcome("reference", plan, engine="numba")
    plain = outcome("reference", plan, engine="numpy")
    note(str(plan))
    assert_same(compiled, plain, potential_mv=1e-12, weight=1e-12)


@settings(max_examples=4 * FACTOR)
@given(plans(kinds=LINEAR), st.integers(2, 4))
def test_events_in_bins_change_no_bit(plan: Plan, pieces: int) -> None:
    """Only large networks have bins of themselves; see pyNN.reference.bins."""
    from pyNN.reference import bins

    expected = outcome("reference", plan, engine="numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bins, "WORTH_BINNING", 0)
        patch.setattr(bins, "FEWEST_CELLS", 0)
        note(str(plan))
        assert_same(outcome("reference", plan, pieces, engine="numba", threads=2), expected)


@settings(max_examples=20 * FACTOR)
@given(plans(kinds=LINEAR))
def test_nest_does_the_same_with_linear_cells(plan: Plan) -> None:
    """Both advance linear cells exactly; 1e-9 mV as in tests/accuracy, weights change unit on the way and back."""
    note(str(plan))
    assert_same(outcome("nest", plan), outcome("reference", plan), potential_mv=1e-9, weight=1e-14)


# --- time


@settings(max_examples=10 * FACTOR)
@given(plans(kinds=FAST, synapses=("StaticSynapse", *PLASTIC)), st.integers(2, 5))
def test_a_run_in_pieces_is_one_run(plan: Plan, pieces: int) -> None:
    """To the last bit, plastic weights and random input too."""
    assert_same(outcome("reference", plan, pieces, engine="numpy"), outcome("reference", plan, engine="numpy"))


@settings(max_examples=10 * FACTOR)
@given(plans(kinds=LINEAR), st.integers(2, 5))
def test_a_run_in_pieces_is_one_run_on_nest(plan: Plan, pieces: int) -> None:
    # NEST adds up the currents of its devices in another order where a run begins anew: that is the last bit.
    assert_same(outcome("nest", plan, pieces), outcome("nest", plan), potential_mv=1e-12)


# Spikes and noise that are drawn differ from trial to trial, so there are none here.
REPEATABLE: dict[str, Any] = {"sources": ("SpikeSourceArray",), "currents": CURRENTS[:-1]}
DETERMINISTIC = ("StaticSynapse", "TsodyksMarkramSynapse", *(name for name in PLASTIC if name.startswith("STDP")))


def check_reset(backend: str, plan: Plan, **options: Any) -> None:
    """reset() restores what the script made, and the next run repeats the first to the last bit."""
    with network(backend, plan, **options) as net:
        before = net.connections()
        net.sim.run(plan.steps * DT)
        first = Outcome(net.connections(), net.refusals, net.spikes(), net.potentials())
        net.sim.reset()
        assert_same_connections(net.connections(), before)
        net.sim.run(plan.steps * DT)
        assert_same(Outcome(net.connections(), net.refusals, net.spikes(), net.potentials()), first)
        assert net.spikes(segment=0) == first.spikes


@settings(max_examples=10 * FACTOR)
@given(plans(kinds=tuple(k for k in FAST if k != "GIF_cond_exp"), synapses=DETERMINISTIC, **REPEATABLE))
def test_a_reset_run_repeats_itself(plan: Plan) -> None:
    check_reset("reference", plan, engine="numpy")


@settings(max_examples=10 * FACTOR)
@given(plans(kinds=LINEAR, **REPEATABLE))
def test_a_reset_run_repeats_itself_on_nest(plan: Plan) -> None:
    check_reset("nest", plan)


# --- structure

EXCLUDES_SELF = tuple(
    name for name in CONNECTORS if name.startswith(("AllToAll", "D", "Fixed", "IndexBased", "SmallWorld"))
)


@settings(max_examples=60 * FACTOR)
@given(plans(synapses=("StaticSynapse", *PLASTIC)))
def test_connections_are_where_they_may_be(plan: Plan) -> None:
    with network("reference", plan) as net:
        for wiring, projection in zip(net.made, net.projections, strict=True):
            n_pre, n_post = projection.pre.size, projection.post.size
            assert projection.shape == (n_pre, n_post)
            rows = projection.get(["weight", "delay"], format="list")
            assert len(rows) == projection.size() == len(projection) == sum(1 for _ in projection.connections)
            i, j, weights, delays = np.array(rows, dtype=float).reshape(-1, 4).T
            i, j = i.astype(int), j.astype(int)
            assert np.array_equal(np.lexsort((i, j)), np.arange(len(i)))
            assert np.all((0 <= i) & (i < n_pre) & (0 <= j) & (j < n_post))
            assert np.all((delays >= DT) & (delays <= 20.0))
            np.testing.assert_allclose(delays / DT, np.round(delays / DT), rtol=1e-12)
            total = np.nansum(projection.get("weight", format="array"))
            assert total == pytest.approx(weights.sum(), rel=1e-12, abs=1e-15)
            same = projection.pre.ids[i] == projection.post.ids[j]
            if not wiring.self_connections and wiring.connector in EXCLUDES_SELF:
                assert not same.any()
            if wiring.connector == "AllToAllConnector":
                shared = np.intersect1d(projection.pre.ids, projection.post.ids).size
                assert len(rows) == n_pre * n_post - (0 if wiring.self_connections else shared)
            if wiring.connector == "OneToOneConnector":
                assert i.tolist() == j.tolist() == list(range(n_pre))


@settings(max_examples=30 * FACTOR)
@given(plans(kinds=FAST), st.lists(SELECTORS, max_size=3))
def test_views_and_assemblies_show_their_members(plan: Plan, selectors: list[tuple[Any, ...]]) -> None:
    with network("reference", plan, engine="numpy") as net:
        whole = net.sim.Assembly(*net.populations)
        assert whole.size == len(whole) == sum(population.size for population in net.populations)
        assert whole.ids.tolist() == [cell for population in net.populations for cell in population.ids]
        net.sim.run(min(plan.steps, 100) * DT)
        trains = [train.magnitude.tolist() for train in whole.get_data("spikes").segments[0].spiketrains]
        assert trains == [train for population in net.spikes() for train in population]
        for population in net.populations:
            view, indices = population, np.arange(population.size)
            for selector in selectors:
                chosen = _selection(selector, view.size)
                view = view[chosen]
                indices = np.sort(indices[chosen])
            assert view.size == len(indices) == sum(1 for _ in view)
            assert view.ids.tolist() == population.ids[indices].tolist()
            assert np.array_equal(view.positions, population.positions[:, indices])
            ours, theirs = view.get_data().segments[0], population.get_data().segments[0]
            assert [t.magnitude.tolist() for t in ours.spiketrains] == [
                theirs.spiketrains[int(k)].magnitude.tolist() for k in indices
            ]
            for signal in ours.analogsignals if indices.size else ():
                assert signal.array_annotations["channel_index"].tolist() == indices.tolist()
                parent = theirs.filter(name=signal.name)[0]
                assert np.array_equal(signal.magnitude, parent.magnitude[:, indices])


@settings(max_examples=40 * FACTOR)
@given(
    st.sampled_from(LINEAR + ("IF_cond_exp", "Izhikevich", "EIF_cond_exp_isfa_ista")),
    st.integers(0, MAX_SIZE),
    st.lists(
        st.tuples(st.lists(SELECTORS, max_size=2), SEEDS, st.sampled_from(["number", "array", "random"])), max_size=4
    ),
    st.booleans(),
)
def test_what_is_set_is_what_get_gives(
    kind: str, size: int, changes: list[tuple[list[tuple[Any, ...]], int, str]], running: bool
) -> None:
    """Against an array to which NumPy does the same."""
    import pyNN.reference as sim

    name = "a" if kind == "Izhikevich" else "tau_m"
    sim.setup(timestep=DT)
    try:
        cells = sim.Population(size, getattr(sim, kind)())
        expected = np.full(size, cells.celltype.default_parameters[name])
        if running:
            sim.run(0.5)
        for selectors, seed, how in changes:
            view, indices = cells, np.arange(size)
            for selector in selectors:
                chosen = _selection(selector, view.size)
                view, indices = view[chosen], np.sort(indices[chosen])
            values = np.random.default_rng(seed).uniform(5.0, 30.0, len(indices))
            if how == "number":
                values[:] = 7.5
                view.set(**{name: 7.5})
            elif how == "array":
                view.set(**{name: values})
            else:
                view.set(**{name: RandomDistribution("uniform", (5.0, 30.0), rng=NumpyRNG(seed))})
                values = np.asarray(view.get(name, simplify=False))
                assert np.all((values >= 5.0) & (values < 30.0))
            expected[indices] = values
            assert np.array_equal(view.get(name, simplify=False), expected[indices])
            assert np.array_equal(cells.get(name, simplify=False), expected)
            assert [getattr(cell, name) for cell in view] == expected[indices].tolist()
    finally:
        sim.script.simulation.close()
