"""One table, old name or form -> modern line. Warnings, the page in the documentation and the inventory test use it."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from pyNN.core import user_stacklevel
from pyNN.errors import PyNNDeprecationWarning

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Old:
    """An old form and the modern line that says the same; {name}, {value} stand for what the script says."""

    key: str
    """Where it belongs and its name, such as "Population.getSpikes"; what follows a blank tells forms apart."""
    old: str
    new: str

    @property
    def owner(self) -> str:
        return self.key.split(" ")[0].rpartition(".")[0]

    @property
    def name(self) -> str:
        return self.key.split(" ")[0].rpartition(".")[2]


_EXAMPLE = {"name": "tau_m", "value": "20.0", "state": "v", "cls": "IF_cond_exp"}

_SIMULATION = (
    Old("sim.setup", "setup({name}=...)", "nothing: the option has no effect"),
    Old("sim.create", "create(...) that returns ids", "cells = sim.Population(n, sim.{cls}(...))"),
    Old("sim.connect", "connect({name}=...)", "connect({value}=...)"),
    Old("sim.set", "set(cells, {name!r}, {value})", "cells.set({name}={value})"),
    Old("sim.record", "record(cells, {name!r})", "cells.record('spikes', to_file='name.pkl')"),
    Old("sim.record_v", "record_v(cells, {name!r})", "cells.record('v', to_file='name.pkl')"),
    Old(
        "sim.record_gsyn", "record_gsyn(cells, {name!r})", "cells.record(['gsyn_exc', 'gsyn_inh'], to_file='name.pkl')"
    ),
    Old("sim.list_standard_models", "list_standard_models() as classes", "list_standard_models(), a list of names"),
)
_CELLS = (
    Old("sim.Population dims", "Population(dims={value}, ...)", "Population({value}, ...)"),
    Old("sim.Population label", "Population(dims, cellclass, cellparams, {name!r})", "Population(..., label={name!r})"),
    Old("sim.Population native", "Population(n, {name!r})", "Population(n, sim.native_cell_type({name!r})(...))"),
    Old("sim.Population cellparams", "Population(n, {cls}, {{...}})", "Population(n, sim.{cls}(...))"),
    Old("sim.cells positional", "{cls}({{...}})", "{cls}(**parameters)"),
    Old("sim.cells init", "{cls} with {name!r}", "Population(..., initial_values={{{state!r}: ...}})"),
    Old("sim.cells rmax", "SpikeSourceInhGamma with 'rmax'", "nothing: the parameter has no effect"),
    Old("sim.IF_cond_exp.synapse_types", "celltype.synapse_types", "celltype.receptor_types"),
    Old("sim.IF_cond_exp.default_parameters", "default_parameters[{name!r}]", "default_initial_values[{state!r}]"),
    Old("Population.dim", "p.dim", "p.shape of your own; cells are numbered row by row"),
    Old("Population.ndim", "p.ndim", "len(dims)"),
    Old("Population.cell", "p.cell", "p.all_cells.reshape(dims)"),
    Old("Population.cellparams", "p.cellparams", "p.celltype.parameter_space"),
    Old("Population.__getitem__", "p[i, j]", "p[numpy.ravel_multi_index((i, j), dims)]"),
    Old("Population.addresses", "p.addresses()", "numpy.ndindex(*dims)"),
    Old("Population.locate", "p.locate(id)", "numpy.unravel_index(p.id_to_index(id), dims)"),
    Old("Population.index", "p.index(n)", "p[n], or p.all_cells[n] for several"),
    Old("Population.ids", "p.ids()", "p.local_cells"),
    Old("Population.get", "p.get({name!r}, as_array=...)", "p.get({name!r}, simplify=False)"),
    Old("Population.set", "p.set({name!r}, {value})", "p.set({name}={value})"),
    Old("Population.set init", "p.set({name!r}, ...)", "p.initialize({state}=...)"),
    Old("Population.tset", "p.tset({name!r}, values)", "p.set({name}=values.ravel())"),
    Old("Population.rset", "p.rset({name!r}, distribution)", "p.set({name}=distribution)"),
    Old("Population.randomInit", "p.randomInit(distribution)", "p.initialize(v=distribution)"),
    Old("Population.record", "p.record()", "p.record('spikes')"),
    Old("Population.record some", "p.record(cells or a number)", "p[cells].record('spikes'), p.sample(n).record(...)"),
    Old("Population.record_v", "p.record_v()", "p.record('v')"),
    Old("Population.record_gsyn", "p.record_gsyn()", "p.record(['gsyn_exc', 'gsyn_inh'])"),
    Old("Population.record gsyn", "the variable 'gsyn'", "['gsyn_exc', 'gsyn_inh']"),
    Old("Population.getSpikes", "p.getSpikes()", "p.get_data('spikes').segments[-1].spiketrains"),
    Old("Population.get_v", "p.get_v()", "p.get_data('v').segments[-1].filter(name='v')[0]"),
    Old("Population.get_gsyn", "p.get_gsyn()", "p.get_data(['gsyn_exc', 'gsyn_inh']).segments[-1].analogsignals"),
    Old("Population.printSpikes", "p.printSpikes(file)", "p.write_data('name.pkl', 'spikes')"),
    Old("Population.print_v", "p.print_v(file)", "p.write_data('name.pkl', 'v')"),
    Old("Population.print_gsyn", "p.print_gsyn(file)", "p.write_data('name.pkl', ['gsyn_exc', 'gsyn_inh'])"),
    Old("Population.meanSpikeCount", "p.meanSpikeCount()", "p.mean_spike_count()"),
    Old("Population.getSubPopulation", "p.getSubPopulation(cells)", "p[indices]"),
    Old("Population.describe", "describe(template='standard', fill=...)", "describe()"),
    Old("ID.cellclass", "id.cellclass", "type(id.celltype)"),
    Old("ID.is_standard_cell", "id.is_standard_cell()", "id.is_standard_cell"),
    Old("ID.get_native_parameters", "id.get_native_parameters()", "id.get_parameters()"),
    Old("ID.set_native_parameters", "id.set_native_parameters({{...}})", "id.set_parameters(...)"),
    Old("ID.v_init", "id.{name}", "id.get_initial_value({state!r}), id.set_initial_value({state!r}, ...)"),
)
_PROJECTIONS = (
    Old("sim.Projection method", "Projection(method=...)", "Projection(connector=...)"),
    Old("sim.Projection target", "Projection(target={value!r})", "Projection(receptor_type={value!r})"),
    Old("sim.Projection groups", "Projection({name}=...)", "Projection({value}=...)"),
    Old("sim.Projection rng", "Projection(rng=...)", "FixedProbabilityConnector(..., rng=rng)"),
    Old(
        "sim.Projection synapse_dynamics",
        "Projection(synapse_dynamics=...)",
        "Projection(synapse_type=sim.TsodyksMarkramSynapse(...) or sim.STDPMechanism(...))",
    ),
    Old(
        "sim.AllToAllConnector weights",
        "{cls}(weights=..., delays=...)",
        "Projection(..., sim.StaticSynapse(weight=..., delay=...))",
    ),
    Old("sim.AllToAllConnector space", "{cls}(space=...)", "Projection(..., space=space)"),
    Old("sim.AllToAllConnector verbose", "{cls}(verbose=...)", "nothing: the option has no effect"),
    Old(
        "sim.FromListConnector", "FromListConnector([((i, j), (k, l), w, d)])", "FromListConnector([(pre, post, w, d)])"
    ),
    Old(
        "sim.FromFileConnector",
        "lines 'label[i, j]  label[k, l]  w  d'",
        "lines 'pre post w d' under '# columns = ...'",
    ),
    Old("sim.FromFileConnector filename", "FromFileConnector(filename=...)", "FromFileConnector(file=...)"),
    Old(
        "sim.SynapseDynamics",
        "SynapseDynamics(fast, slow)",
        "sim.TsodyksMarkramSynapse(...) or sim.STDPMechanism(...)",
    ),
    Old("sim.TsodyksMarkramMechanism", "TsodyksMarkramMechanism(...)", "sim.TsodyksMarkramSynapse(...)"),
    Old(
        "sim.AdditiveWeightDependence A_plus",
        "{cls}(A_plus=..., A_minus=...)",
        "sim.SpikePairRule(A_plus=..., A_minus=...)",
    ),
    Old("Projection.setWeights", "prj.setWeights(w)", "prj.set(weight=w)"),
    Old("Projection.randomizeWeights", "prj.randomizeWeights(distribution)", "prj.set(weight=distribution)"),
    Old("Projection.setDelays", "prj.setDelays(d)", "prj.set(delay=d)"),
    Old("Projection.randomizeDelays", "prj.randomizeDelays(distribution)", "prj.set(delay=distribution)"),
    Old("Projection.setSynapseDynamics", "prj.setSynapseDynamics({name!r}, value)", "prj.set({name}=value)"),
    Old(
        "Projection.randomizeSynapseDynamics",
        "prj.randomizeSynapseDynamics({name!r}, distribution)",
        "prj.set({name}=distribution)",
    ),
    Old("Projection.getWeights", "prj.getWeights(format)", "prj.get('weight', format, with_address=False)"),
    Old("Projection.getDelays", "prj.getDelays(format)", "prj.get('delay', format, with_address=False)"),
    Old(
        "Projection.getSynapseDynamics",
        "prj.getSynapseDynamics({name!r}, format)",
        "prj.get({name!r}, format, with_address=False)",
    ),
    Old("Projection.printWeights", "prj.printWeights(file)", "prj.save('weight', file)"),
    Old("Projection.printDelays", "prj.printDelays(file)", "prj.save('delay', file)"),
    Old("Projection.saveConnections", "prj.saveConnections(file)", "prj.save('all', file)"),
    Old(
        "Projection.weightHistogram",
        "prj.weightHistogram(min, max, nbins)",
        "numpy.histogram(weights, nbins, (min, max))",
    ),
    Old("Projection.connection_manager", "prj.connection_manager", "prj.connections"),
    Old("Projection.target", "prj.target", "prj.receptor_type"),
    Old("Projection.synapse_dynamics", "prj.synapse_dynamics", "prj.synapse_type"),
    Old("Projection.weights", "prj.weights", "prj.get('weight', 'list', with_address=False)"),
    Old("Projection.rng", "prj.rng", "prj.connector.rng"),
)
_REST = (
    Old("sim.DCSource", "{cls}(a, b, ...)", "{cls}({value})"),
    Old("sim.NoisyCurrentSource None", "{cls}({name}=None)", "{cls}() without {name}"),
    Old("pyNN.random.RandomDistribution name", "RandomDistribution({name!r})", "RandomDistribution({value!r})"),
    Old(
        "pyNN.random.RandomDistribution parameters",
        "RandomDistribution({name!r}, parameters=[...])",
        "RandomDistribution({name!r}, (...))",
    ),
    Old(
        "pyNN.random.RandomDistribution boundaries",
        "RandomDistribution(boundaries=..., constrain=...)",
        "RandomDistribution('normal_clipped' or 'normal_clipped_to_boundary', (mu, sigma, low, high))",
    ),
    Old("pyNN.random.NumpyRNG", "{cls}(seed, rank, num_processes)", "{cls}(seed)"),
    Old(
        "pyNN.random.NumpyRNG.next",
        "rng.next(n, distribution, [parameters])",
        "rng.next(n, distribution, {{name: value}})",
    ),
    Old("pyNN.random.NumpyRNG.next mask", "next(mask_local=...)", "next(mask=...)"),
    Old("pyNN.utility.Timer.elapsedTime", "timer.elapsedTime()", "timer.elapsed_time()"),
    Old("pyNN.utility.colour", "colour(col, text)", "rich.print or click.style"),
    Old("pyNN.utility.load_population", "load_population(file)", "load_population(file, sim)"),
    Old("pyNN.cells", "pyNN.cells", "pyNN.standardmodels.cells"),
    Old("pyNN.synapses", "pyNN.synapses", "pyNN.standardmodels.synapses"),
    Old("pyNN.nest2", "pyNN.nest2, pyNN.nest1", "pyNN.nest"),
)

TABLE: dict[str, Old] = {old.key: old for old in (*_SIMULATION, *_CELLS, *_PROJECTIONS, *_REST)}
"""Key -> the old form and the modern line."""


def deprecated(key: str, **words: Any) -> None:
    """A PyNNDeprecationWarning at the user's line that shows the modern one; `words` fill its gaps."""
    entry = TABLE[key]
    given = {**_EXAMPLE, **{name: _shown(value) for name, value in words.items()}}
    warnings.warn(
        f"{entry.old.format(**given)} is an old form (PyNN 0.6). Now: {entry.new.format(**given)}",
        PyNNDeprecationWarning,
        stacklevel=user_stacklevel(),
    )


def shown_as(original: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorator for a function that takes old forms too: help and editors show the modern signature of `original`."""

    def decorate(function: Function) -> Function:
        functools.update_wrapper(function, original)
        return function

    return decorate


def old_keywords(**renamed: str) -> Callable[[Function], Function]:
    """Decorator for a function some of whose arguments had other names: old=new."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            return function(*arguments, **{renamed.get(name, name): value for name, value in named.items()})

        return cast(Function, call)

    return decorate


def _shown(value: Any) -> Any:
    """A number or name as it is; of anything long only that it is there."""
    if isinstance(value, str):
        return value
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 40 else "..."


def markdown() -> Iterator[str]:
    """The table as the documentation shows it, line by line."""
    yield "| old | now |"
    yield "|---|---|"
    for entry in TABLE.values():
        old, new = (text.format(**_EXAMPLE).replace("|", "\\|") for text in (entry.old, entry.new))
        yield f"| `{old}` | `{new}` |"
