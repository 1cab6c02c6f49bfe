"""NEST behind the contract of pyNN.backend: what it can do, and what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyNN.backend import Capabilities, Option, Settings
from pyNN.errors import CapabilityError
from pyNN.nest import checks, composed, devices, models, natives, synapses, versions
from pyNN.nest.models import RULES
from pyNN.nest.ranks import placement
from pyNN.nest.session import NestSession
from pyNN.parallel import Communicator
from pyNN.specs import NetworkSpec

_CURRENT_SOURCES = ("DCSource", "ACSource", "StepCurrentSource", "NoisyCurrentSource")


class _Models(dict[str, Any]):
    """Model name -> translation; those of NEST's own models and of composed cell types are made when they are needed.

    Whether NEST has a model with such receptors is seen when a population is checked.
    """

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or str(name).startswith((natives.PREFIX, composed.PREFIX))


class NestBackend:
    """NEST 3.10 or later, `import pyNN.nest as sim`."""

    name = "nest"
    title = "NEST"
    models: Mapping[str, Any] = _Models(
        {
            **models.TABLES,
            **synapses.TABLES,
            **{name: "step_current_generator" for name in _CURRENT_SOURCES},
        }
    )
    capabilities = Capabilities(
        options={
            "spike_precision": Option(
                "on_grid",
                "on_grid: a spike has the time of the end of its step; off_grid: precise times, where NEST has a model "
                "that computes them (IF_curr_exp, IF_curr_alpha, IF_curr_delta)",
                ("on_grid", "off_grid"),
            ),
            "verbosity": Option("fatal", "which messages of NEST's own are printed", versions.VERBOSITIES),
        },
        exclusive=True,
        equations=True,
        threads=True,
        mpi=True,
        placement=placement,
        native_rules=RULES,
        native_sources=("SpikeSourcePoisson",),
        smaller_delay_after_run=False,
        streaming=True,
        missing={
            "several MPI ranks with NEST from PyPI": "it has no MPI; docs/nest-mpi.md says how to build one that has.",
            "the same random numbers of NEST on any number of MPI ranks": "with native=True NEST draws connections and "
            "spikes itself, from streams of which each rank and thread has its own.",
            "save_state, restore_state, run(checkpoint=)": "NEST gives out neither spikes that are under way nor the "
            "state of its random generators, and takes neither back.",
            "smaller_delay_after_run": "NEST fixes the range of delays at the first run; say "
            "setup(min_delay=..., max_delay=...).",
            "initial isyn_exc, isyn_inh": "iaf_psc_exp and iaf_psc_alpha start without synaptic current.",
            "isyn_exc, isyn_inh recorded from the middle of a run": "NEST does not tell their present value; record "
            "them from the start.",
            "isyn_exc, isyn_inh with spike_precision='off_grid'": "iaf_psc_exp_ps does not offer them to recorders.",
            "v_reset >= v_thresh": "NEST refuses it.",
            "MultiCompartmentNeuron": "cells are points here; NEURON and Arbor have cells with compartments.",
            "infinite parameters": "NEST would give potentials that are not numbers.",
            "spike at the moment a source is created after a run": "NEST's clock is past it; the next step will do.",
            "enable_plasticity, disable_plasticity": "NEST's synapses learn as long as they exist.",
            "delay of existing connections": "NEST cannot change it.",
            "dendritic_delay_fraction other than 1": "NEST takes the whole delay for dendritic.",
            "w_min other than 0": "the smallest weight of NEST's plastic synapses is 0.",
            "several tau_minus onto one cell": "NEST keeps the postsynaptic trace in the cell.",
            "plastic projections made during a run": "onto cells that have plastic synapses already, the new ones meet "
            "the postsynaptic trace of earlier spikes, which NEST keeps in the cell; a warning says so.",
            "tau_minus changed during a run": "the trace since the cell's last spike decays with the new one as a "
            "whole.",
            "plastic weights set below what pending postsynaptic spikes will add": "NEST has yet to apply spikes of "
            "before the change; a warning says what it forgets instead.",
            "Vogels2011Rule near w_max": "at a presynaptic spike vogels_sprekeler_synapse clips to w_max between "
            "potentiation and depression, not after both.",
            "tau_rec, tau_facil, tau_psc changed during a run": "short-term synapses decay with the new ones from "
            "the last presynaptic spike on.",
            "tau_psc equal to tau_rec": "tsodyks_synapse divides by the difference; they are kept 1e-7 of it apart.",
            "initial u": "tsodyks_synapse lets it decay from NEST's own time 0 on, so that values next to 1 are not "
            "possible; in quantal_stp_synapse it does not decay before the first spike, and all sites are full then.",
            "cell types in equations": "they need NESTML and a C++ compiler (docs/nestml.md), must be known before "
            "NEST has cells, and have random numbers of NEST's; tables of values over time and parameters that are "
            "arrays are not possible.",
            "synapse types in equations": "SynapseType and Synapse; the standard types and NEST's own "
            "(native_synapse_type) are there.",
            "gap junctions": f"only between cells of {' and '.join(synapses.GAP_JUNCTION_MODELS)} (native_cell_type).",
            "drawn release of the last min_delay": "the sites that have released are known once NEST has delivered "
            "the spikes.",
            "weights changed between multiples of min_delay": "NEST delivers the spikes of one min_delay together, so "
            "the change also acts on those since the last multiple.",
            "rate of a native SpikeSourcePoisson": "a change acts one min_delay late.",
            "random spikes of GIF_cond_exp": "they come from a generator of NEST, seeded with rng_seed, so they differ "
            "from those of other backends and depend on the number of threads.",
            "v of GIF_cond_exp at a spike": "gif_cond_exp resets the potential one step later.",
            "number of time constants of GIF_cond_exp": "it cannot be changed once the cells exist.",
            "GIF_cond_exp with tau_refrac = 0": "gif_cond_exp would not reset the potential.",
            "gsyn_exc, gsyn_inh of HH_cond_exp": "they cannot be set, and recorded only from the start: "
            "hh_cond_exp_traub does not tell their present value.",
            "gap junctions of HH_cond_exp": "hh_cond_exp_traub has none.",
            "PointNeuron with three or more CondExpPostSynapticResponse": "no model in NEST; it has two at most.",
            "PointNeuron of AdExp with CurrExpPostSynapticResponse": "no model in NEST.",
            "initial gsyn, isyn of a PointNeuron with numbered receptors": "NEST starts without synaptic input.",
            "last min_delay of some variables of native models": "NEST hands out recorded data one min_delay late; "
            "where it does not tell the present value either, the samples are NaN until the next run().",
            "currents into native models without I_e": "NEST needs a constant current to add them to.",
        },
    )

    def __init__(self) -> None:
        self._session: NestSession | None = None

    def check(self, part: NetworkSpec, settings: Settings) -> None:
        """Raise CapabilityError or NoModelAvailableError for what NEST cannot build; BackendNotInstalledError."""
        versions.load_nest()
        tables = checks.tables(settings)
        problems: list[str] = []
        for population in part.populations:
            problems += checks.population_problems(population, checks.table_of(population.model, tables), settings)
        for projection in part.projections:
            problems += checks.projection_problems(projection)
        for current in part.currents:
            if not devices.is_native(current):
                checks.require(current.model, dict.fromkeys(_CURRENT_SOURCES), "current source")
        if problems:
            raise CapabilityError("NEST cannot build this network: " + " ".join(problems))

    def open(self, settings: Settings, comm: Communicator) -> NestSession:
        """A new session, or this MPI rank's part of one; CapabilityError while another one is open."""
        if self._session is not None and not self._session.closed:
            raise CapabilityError(
                "NEST holds one simulation a process, and one is open. End it with end() and setup(), or use a second "
                "process."
            )
        nest = versions.load_nest()
        if nest.num_processes != comm.size:
            raise CapabilityError(
                f"NEST is on {nest.num_processes} MPI ranks and cannot take part as one of {comm.size}. Start the "
                "script with mpirun and a NEST that has MPI."
            )
        self._session = NestSession(self.check, nest, settings, comm)
        return self._session

    def versions(self) -> dict[str, str]:
        """NEST's version."""
        return {"NEST": str(versions.load_nest().__version__)}
