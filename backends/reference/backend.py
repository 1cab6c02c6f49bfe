"""The reference backend: what it offers, and how a session is opened."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from types import MappingProxyType
from typing import Any

from pyNN.backend import Capabilities, Option, Session, Settings
from pyNN.errors import CapabilityError, InvalidDelayError, InvalidTimeError, NoModelAvailableError
from pyNN.models import Definition
from pyNN.parallel import Communicator
from pyNN.specs import NetworkSpec

_SOURCES = ("array", "poisson", "poisson with dead time", "gamma", "inhomogeneous gamma")
_MODELS = (
    "IF_curr_exp",
    "IF_curr_alpha",
    "IF_curr_delta",
    "IF_cond_exp",
    "IF_cond_alpha",
    "HH_cond_exp",
    "IF_cond_exp_gsfa_grr",
    "IF_facets_hardware1",
    "EIF_cond_exp_isfa_ista",
    "EIF_cond_alpha_isfa_ista",
    "Izhikevich",
    "GIF_cond_exp",
    "PointNeuron",
    "SpikeSourceArray",
    "SpikeSourcePoisson",
    "SpikeSourcePoissonRefractory",
    "SpikeSourceGamma",
    "SpikeSourceInhGamma",
    "StaticSynapse",
    "TsodyksMarkramSynapse",
    "SimpleStochasticSynapse",
    "StochasticTsodyksMarkramSynapse",
    "MultiQuantalSynapse",
    "ElectricalSynapse",
    "STDPMechanism(SpikePairRule, AdditiveWeightDependence)",
    "STDPMechanism(SpikePairRule, MultiplicativeWeightDependence)",
    "STDPMechanism(SpikePairRule, AdditivePotentiationMultiplicativeDepression)",
    "STDPMechanism(SpikePairRule, GutigWeightDependence)",
    "STDPMechanism(Vogels2011Rule, AdditiveWeightDependence)",
    "DCSource",
    "ACSource",
    "StepCurrentSource",
    "NoisyCurrentSource",
)
_PLASTICITY_FREE = ("weight", "delay")


class ReferenceBackend:
    """The built-in simulator: cell types are their equations, solved exactly where they are linear.

    Every cell type that has equations runs here, so `models` only lists the standard ones.
    """

    name = "reference"
    title = "reference"
    models: Mapping[str, Any] = MappingProxyType({name: MappingProxyType({}) for name in _MODELS})
    capabilities = Capabilities(
        options=MappingProxyType(
            {
                "engine": Option(
                    "numba",
                    "what computes: compiled code, or plain NumPy (slow; serves to check the compiled code)",
                    ("numba", "numpy"),
                ),
                "weights": Option(
                    "float64",
                    "how individual weights of static synapses are kept: float32 takes half the memory, and rounds "
                    "them to 7 digits",
                    ("float64", "float32"),
                ),
                "connectivity": Option(
                    "stored",
                    "whether connections are stored, or (procedural) drawn again at each spike, which needs no memory",
                    ("stored", "procedural"),
                ),
                "rank": Option(0, "dry run: the MPI rank whose share of the network is built"),
                "num_processes": Option(1, "dry run: the number of MPI ranks that it is one of"),
            }
        ),
        exclusive=False,
        equations=True,
        threads=True,
        mpi=True,
        builds_early=True,
        tables_by_source=True,
        regenerates=True,
        checkpoints=True,
        plasticity_switch=True,
        streaming=True,
        missing=MappingProxyType(
            {
                "MultiCompartmentNeuron": "cells are points here; NEURON and Arbor have cells with compartments.",
                "native=True": "connections and spike trains always come from the common layer",
            }
        ),
    )

    def check(self, part: NetworkSpec, settings: Settings) -> None:
        """Raise CapabilityError (NoModelAvailableError) for what cannot be built; EquationError for wrong equations."""
        for population in part.populations:
            self._check_cells(population.model)
            check_interval(population.model, settings.dt)
        if settings.options.get("engine", "numba") == "numba":
            _request_kernels(part)
        for projection in part.projections:
            if projection.table is None:
                raise CapabilityError(
                    f"{projection.label}: the reference backend draws no connections itself; leave out native=True."
                )
            self._check_synapses(projection.model)
        smallest = part.min_delay_steps()
        if smallest is not None and smallest < 1:
            raise InvalidDelayError(f"A delay is under the time step of {settings.dt} ms.")
        for current in part.currents:
            if current.model.name not in self.models:
                raise NoModelAvailableError(f"The current source {current.model.name} is not available here.")

    def _check_synapses(self, model: Definition) -> None:
        """Every synapse type that is described by its equations runs here."""
        if model.coupling:
            from pyNN.reference.coupling import check_coupling

            check_coupling(model)
            return
        from pyNN.equations.synapses import needs_rule, rule

        if needs_rule(model):
            rule(model)
            return
        extra = [n for n in model.parameters if n not in _PLASTICITY_FREE]
        if extra or model.states or model.equations:
            raise NoModelAvailableError(
                f"The synapse type {model.name} has no statements for spikes (on_pre, on_post), and the reference "
                "backend simulates nothing but what a model says."
            )

    def _check_cells(self, model: Definition) -> None:
        if model.source:
            if model.source not in _SOURCES:
                raise NoModelAvailableError(
                    f"{model.name}: spike sources of kind '{model.source}' are not available on the reference backend; "
                    f"available: {', '.join(_SOURCES)}."
                )
        elif not model.equations.strip():
            raise NoModelAvailableError(
                f"{model.name} has no equations, and the reference backend simulates nothing but equations."
            )
        else:
            from pyNN.equations import store

            store.analysis(model)

    def open(self, settings: Settings, comm: Communicator) -> Session:
        """A session, or the share of one that the process has."""
        from pyNN.reference.session import ReferenceSession

        return ReferenceSession(settings, _engine(settings, comm), comm)

    def check_snapshot(self, network: NetworkSpec, settings: Settings, state: Mapping[str, Any]) -> None:
        """CapabilityError for a snapshot of another engine where the two keep synapses differently."""
        from pyNN.reference.snapshots import check_engine

        check_engine(network, settings, state)

    def versions(self) -> dict[str, str]:
        """Names and versions of the software behind this backend."""
        return {name: metadata.version(name) for name in ("pynn-core", "numpy", "scipy", "numba")}


def check_interval(model: Definition, dt: float) -> None:
    """InvalidTimeError unless the cells' update interval is a multiple of the time step."""
    steps = model.update_interval / dt
    if model.update_interval and (round(steps) < 1 or abs(steps - round(steps)) > 1e-6):
        raise InvalidTimeError(
            f"{model.name} is updated every {model.update_interval:g} ms, which is no multiple of the time step of "
            f"{dt:g} ms."
        )


def _request_kernels(part: NetworkSpec) -> None:
    """Let kernels be compiled that are not there yet, while the script goes on."""
    from pyNN.compilation import request
    from pyNN.reference import compiled

    request(compiled.DRIVER)
    request(compiled.CELLS)
    for population in part.populations:
        if not population.is_source:
            compiled.request_cells(population)


def _engine(settings: Settings, comm: Communicator) -> Any:
    if settings.options.get("engine", "numba") == "numpy":
        from pyNN.reference.numpy_engine import NumpyEngine

        return NumpyEngine(settings.profile, comm)
    from pyNN.reference.numba_engine import NumbaEngine

    return NumbaEngine(settings.threads, str(settings.options.get("weights", "float64")), settings.profile, comm)
