"""The front end of PyNN 0.13: every name, signature, default and unit of it that this version has, and what it lacks.

The tables are literals, observed on PyNN 0.13. A signature of ours must begin with PyNN's: the same names in the same
order with the same defaults; what follows is an addition and must be optional. What is left out stands in `EXCLUDED`
with its reason, and a test sees to it that an entry goes once the thing is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyNN.models import BaseModelType
from pyNN.parameters import Sequence

BACKENDS = ("reference", "nest", "mock")
NOT_YET = "not in this version"
OLD = "a name of PyNN 0.6, deprecated in 0.13: the classes of a backend's module have it, from pyNN.compat"
TABLES = "translations are data of a backend here, and not functions"
FACADE = "a backend's functions come from pyNN.scripting.Script, not from factories"

EXCLUDED: dict[str, dict[str, str]] = {
    "backend module": {
        **dict.fromkeys(
            (
                                                                "MultiCompartmentNeuron", "NeuriteDistribution",
                "KdrChannel", "NaChannel", "PassiveLeak", "PassiveLeakHH",
                "NativeCellType", "NativeElectrodeType", "native_cell_type",
                "native_electrode_type", "nestml", "Network",
            ),
            NOT_YET,
        ),
        "build_translations": TABLES,
    },
    "pyNN.common": dict.fromkeys(
        (
            "build_connect", "build_create", "build_record", "build_reset", "build_run", "build_state_queries", "setup",
            "end",
        ),
        FACADE,
    ),
    "pyNN.common.control": dict.fromkeys(
        ("BaseState", "build_reset", "build_run", "build_state_queries", "setup", "end"), FACADE
    ),
    "pyNN.common.procedural_api": dict.fromkeys(("build_connect", "build_create", "build_record"), FACADE),
    "pyNN.models": {"BasePostSynapticResponseModel": "a second name of BasePostSynapticResponse that nothing uses"},
    "pyNN.standardmodels": dict.fromkeys(("build_translations", "check_delays", "check_weights"), TABLES),
    "pyNN.standardmodels.base": {
        **dict.fromkeys(("build_scaling_functions", "build_translations"), TABLES),
        **dict.fromkeys(
            ("check_delays", "check_weights", "excitatory_receptor_types", "inhibitory_receptor_types"),
            "the sign of a weight is a field of the receptor it arrives at (pyNN.models.Receptor.sign)",
        ),
    },
    "pyNN.standardmodels.ion_channels": dict.fromkeys(
        ("KdrChannel", "NaChannel", "PassiveLeak", "PassiveLeakHH"), NOT_YET
    ),
    "pyNN.descriptions": {"CheetahTemplateEngine": "Cheetah does not run on a Python that is maintained"},
    "StandardModelType": dict.fromkeys(
        (
            "translations", "extra_parameters", "computed_parameters", "computed_parameters_include",
            "get_native_names", "native_parameters", "reverse_translate", "scaled_parameters", "simple_parameters",
            "translate", "parameter_checks",
        ),
        TABLES,
    ),
    "StandardCurrentSource": dict.fromkeys(("get_native_parameters", "set_native_parameters"), TABLES),
    "BasePopulation": dict.fromkeys(
        (
            "getSpikes", "get_gsyn", "get_v", "meanSpikeCount", "printSpikes", "print_gsyn", "print_v", "record_gsyn",
            "record_v", "rset", "tset",
        ),
        OLD,
    ),
    "Projection": dict.fromkeys(
        (
            "getDelays", "getSynapseDynamics", "getWeights", "printDelays", "printWeights", "randomizeDelays",
            "randomizeSynapseDynamics", "randomizeWeights", "saveConnections", "setDelays", "setSynapseDynamics",
            "setWeights", "weightHistogram",
        ),
        OLD,
    ),
    "pyNN": dict.fromkeys(("morphology", "multisim", "serialization"), NOT_YET),
}
"""Of what -> name -> why it is not here."""


def subject(name: str) -> Any:
    """What a key of EXCLUDED stands for."""
    if name == "backend module":
        return importlib.import_module("pyNN.reference")
    if name[0].isupper():
        places = ("pyNN.populations", "pyNN.projections", "pyNN.standardmodels.base")
        return next(getattr(m, name) for m in map(importlib.import_module, places) if hasattr(m, name))
    return importlib.import_module(name)


@pytest.mark.parametrize("name", EXCLUDED)
def test_what_is_excluded_is_indeed_not_there(name: str) -> None:
    thing = subject(name)
    there = [missing for missing in EXCLUDED[name] if hasattr(thing, missing)]
    if inspect.ismodule(thing) and hasattr(thing, "__path__"):
        there += [missing for missing in EXCLUDED[name] if importlib.util.find_spec(f"{thing.__name__}.{missing}")]
    assert not there, f"{there} exist now: take them out of EXCLUDED and put them into the tables."
    assert all(EXCLUDED[name].values())


# --- the module of a backend ----------------------------------------------------------------------------------------

BACKEND_MODULE = """
ACSource AllToAllConnector ArrayConnector ArrayParameter Assembly CSAConnector CloneConnector DCSource
DisplacementDependentProbabilityConnector DistanceDependentProbabilityConnector FixedNumberPostConnector
FixedNumberPreConnector FixedProbabilityConnector FixedTotalNumberConnector FromFileConnector FromListConnector GSLRNG
IF_cond_alpha IF_cond_exp IF_curr_alpha IF_curr_delta IF_curr_exp IndexBasedProbabilityConnector NativeRNG
NoisyCurrentSource NumpyRNG OneToOneConnector ParameterSpace Population PopulationView Projection RandomDistribution
Sequence SmallWorldConnector Space SpikeSourceArray SpikeSourceGamma SpikeSourceInhGamma
SpikeSourcePoisson SpikeSourcePoissonRefractory StandardCellType StandardCurrentSource
StaticSynapse StepCurrentSource connect create end errors get_current_time get_max_delay get_min_delay get_time_step
initialize list_standard_models logger num_processes random rank record record_gsyn record_v recording reset run
run_for run_until set setup space state
""".split()


@pytest.mark.parametrize("backend", BACKENDS)
def test_names_of_a_backend_module(backend: str) -> None:
    module = importlib.import_module(f"pyNN.{backend}")
    assert [name for name in BACKEND_MODULE if not hasattr(module, name)] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_star_import_gives_them_all(backend: str) -> None:
    names: dict[str, Any] = {}
    exec(f"from pyNN.{backend} import *", names)
    assert [name for name in BACKEND_MODULE if name not in names] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_run_for_is_run_and_the_models_are_listed(backend: str) -> None:
    module = importlib.import_module(f"pyNN.{backend}")
    assert module.run_for == module.run
    assert module.logger.name == "PyNN"
    assert set(module.list_standard_models()) >= {
        "IF_cond_alpha", "IF_cond_exp", "IF_curr_alpha", "IF_curr_delta", "IF_curr_exp", "SpikeSourceArray",
        "SpikeSourceGamma", "SpikeSourceInhGamma", "SpikeSourcePoisson", "SpikeSourcePoissonRefractory",
    }


# --- modules --------------------------------------------------------------------------------------------------------

MODULES = {
    "pyNN.common": """Assembly BasePopulation Connection IDMixin Population PopulationView Projection initialize
        is_conductance set""",
    "pyNN.common.control": "DEFAULT_MAX_DELAY DEFAULT_MIN_DELAY DEFAULT_TIMESTEP",
    "pyNN.common.populations": """Assembly BaseCellType BasePopulation IDMixin LazyArray ParameterSpace Population
        PopulationView is_conductance simplify_parameter_array""",
    "pyNN.common.projections": """Assembly BasePopulation Connection Connector LazyArray ParameterSpace Projection Space
        StandardSynapseType""",
    "pyNN.common.procedural_api": "Assembly BasePopulation IDMixin initialize set",
    "pyNN.connectors": """AllToAllConnector ArrayConnector CSAConnector CloneConnector Connector
        DisplacementDependentProbabilityConnector DistanceDependentProbabilityConnector FixedNumberConnector
        FixedNumberPostConnector FixedNumberPreConnector FixedProbabilityConnector FixedTotalNumberConnector
        FromFileConnector FromListConnector IndexBasedExpression IndexBasedProbabilityConnector MapConnector
        OneToOneConnector SmallWorldConnector""",
    "pyNN.core": "IndexBasedExpression deprecated ezip find is_listlike reraise run_command",
    "pyNN.descriptions": """DEFAULT_TEMPLATE_ENGINE Jinja2TemplateEngine StringTemplateEngine TEMPLATE_ENGINES
        TemplateEngine get_default_template_engine render""",
    "pyNN.errors": """ConnectionError InvalidDimensionsError InvalidModelError InvalidParameterValueError
        InvalidWeightError NoModelAvailableError NonExistentParameterError NotLocalError NothingToWriteError
        RecordingError RoundingWarning""",
    "pyNN.models": """BaseCellType BaseCellTypeComponent BaseCurrentSource BaseIonChannelModel BaseModelType
        BasePostSynapticResponse BaseSynapseType""",
    "pyNN.specs": "NetworkSpec",
    "pyNN.parameters": "ArrayParameter IonicSpecies LazyArray ParameterSpace Sequence simplify",
    "pyNN.random": """AbstractRNG GSLRNG MAX_REDRAWS NativeRNG NumpyRNG RandomDistribution WrappedRNG
        available_distributions get_mpi_config have_gsl""",
    "pyNN.recording": """DataCache MPI_ROOT Recorder Variable files filter_by_variables gather_array gather_blocks
        gather_dict get_io get_mpi_comm mpi_sum remove_duplicate_spiketrains rename_existing safe_makedirs""",
    "pyNN.recording.files": """BaseFile DEFAULT_BUFFER_SIZE HDF5ArrayFile NumpyBinaryFile PickleFile StandardTextFile
        have_hdf5 savez""",
    "pyNN.space": """BaseStructure Cuboid Grid2D Grid3D Line RandomStructure Shape Space Sphere distance""",
    "pyNN.standardmodels": """ModelNotAvailable STDPTimingDependence STDPWeightDependence StandardCellType
        StandardCellTypeComponent StandardCurrentSource StandardIonChannelModel StandardModelType
        StandardPostSynapticResponse StandardSynapseType""",
    "pyNN.standardmodels.base": """ModelNotAvailable STDPTimingDependence STDPWeightDependence StandardCellType
        StandardCellTypeComponent StandardCurrentSource StandardIonChannelModel StandardModelType
        StandardPostSynapticResponse StandardSynapseType""",
    "pyNN.standardmodels.cells": """IF_cond_alpha IF_cond_exp IF_curr_alpha IF_curr_delta IF_curr_exp SpikeSourceArray
        SpikeSourcePoisson""",
    "pyNN.standardmodels.electrodes": "ACSource DCSource NoisyCurrentSource StepCurrentSource",
    "pyNN.standardmodels.ion_channels": "StandardIonChannelModel",
    "pyNN.standardmodels.receptors": "StandardPostSynapticResponse",
    "pyNN.standardmodels.synapses": "StaticSynapse",
    "pyNN.utility": """ProgressBar SimulationProgressBar Timer forgetful_memoize get_script_args get_simulator
        init_logging load_population normalized_filename notify save_population sort_by_column""",
    "pyNN.utility.build": "compile_nest_extensions compile_nmodl find run_command",
    "pyNN.utility.plotting": """DEFAULT_FIG_SETTINGS DataTable Figure Histogram Panel comparison_plot connection_plot
        handle_options isi_histogram plot_array_as_image plot_hist plot_signal plot_signals plot_spiketrainlist
        plot_spiketrains scatterplot variable_names""",
    "pyNN.utility.progress_bar": "ProgressBar SimulationProgressBar",
    "pyNN.utility.script_tools": "EMAIL SMTPHOST get_script_args get_simulator init_logging normalized_filename notify",
    "pyNN.utility.timer": "Timer",
}


@pytest.mark.parametrize("module", MODULES)
def test_names_of_a_module(module: str) -> None:
    there = importlib.import_module(module)
    assert [name for name in MODULES[module].split() if not hasattr(there, name)] == []


def test_default_times_of_setup() -> None:
    from pyNN.common import control

    assert (control.DEFAULT_TIMESTEP, control.DEFAULT_MIN_DELAY, control.DEFAULT_MAX_DELAY) == (0.1, "auto", "auto")


def test_the_classes_of_every_backend_are_those_of_common() -> None:
    from pyNN import common

    for backend in BACKENDS:
        module = importlib.import_module(f"pyNN.{backend}")
        for name in ("Population", "PopulationView", "Assembly", "Projection"):
            assert issubclass(getattr(module, name), getattr(common, name))


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidDimensionsError", ValueError),
        ("InvalidParameterValueError", ValueError),
        ("InvalidWeightError", ValueError),
        ("NonExistentParameterError", KeyError),
        ("NothingToWriteError", OSError),
        ("RoundingWarning", Warning),
    ],
)
def test_an_exception_is_caught_as_the_builtin_that_pynn_derives_it_from(name: str, builtin: type) -> None:
    assert issubclass(getattr(importlib.import_module("pyNN.errors"), name), builtin)


# --- signatures -----------------------------------------------------------------------------------------------------

SIGNATURES: dict[str, list[str]] = {
    "backend module": [
        "setup(timestep=0.1, min_delay='auto')",
        "end(compatible_output=True)",
        "run(simtime, callbacks=None)",
        "run_for(simtime, callbacks=None)",
        "run_until(time_point, callbacks=None)",
        "reset(annotations={})",
        "initialize(cells)",
        "get_current_time()",
        "get_time_step()",
        "get_min_delay()",
        "get_max_delay()",
        "num_processes()",
        "rank()",
        "list_standard_models()",
        "create(cellclass, cellparams=None, n=1)",
        "connect(pre, post, weight=0.0, delay=None, receptor_type=None, p=1, rng=None)",
        "set(cells)",
        "record(variables, source, filename, sampling_interval=None, annotations=None)",
        "record_v(source, filename)",
        "record_gsyn(source, filename)",
        "Population(size, cellclass, cellparams=None, structure=None, initial_values={}, label=None)",
        "PopulationView(parent, selector, label=None)",
        "Assembly()",
        "Projection(presynaptic_neurons, postsynaptic_neurons, connector, synapse_type=None, source=None, "
        "receptor_type=None, space=Space(), label=None)",
        "StaticSynapse()",
    ],
    "pyNN.common.BasePopulation": [
        "__add__(other)",
        "__getitem__(index)",
        "__iter__()",
        "__len__()",
        "all()",
        "annotate()",
        "can_record(variable, location=None)",
        "find_units(variable)",
        "get(parameter_names, gather=False, simplify=True)",
        "get_data(variables='all', gather=True, clear=False, locations=None)",
        "get_spike_counts(gather=True)",
        "initialize()",
        "inject(current_source)",
        "is_local(id)",
        "mean_spike_count(gather=True)",
        "nearest(position)",
        "record(variables, to_file=None, sampling_interval=None, locations=None)",
        "sample(n, rng=None)",
        "save_positions(file)",
        "set()",
        "write_data(io, variables='all', gather=True, clear=False, annotations=None, locations=None)",
    ],
    "pyNN.common.Population": [
        "describe(template='population_default.txt', engine='default')",
        "id_to_index(id)",
        "id_to_local_index(id)",
        "get_data(variables='all', gather=True, clear=False, locations=None)",
        "write_data(io, variables='all', gather=True, clear=False, annotations=None, locations=None)",
    ],
    "pyNN.common.PopulationView": [
        "__eq__(other)",
        "describe(template='populationview_default.txt', engine='default')",
        "id_to_index(id)",
        "index_from_parent_index(indices)",
        "index_in_grandparent(indices)",
    ],
    "pyNN.common.Assembly": [
        "__add__(other)",
        "__getitem__(index)",
        "__iadd__(other)",
        "__iter__()",
        "__len__()",
        "all()",
        "describe(template='assembly_default.txt', engine='default')",
        "find_units(variable)",
        "get(parameter_names, gather=False, simplify=True)",
        "get_annotations(annotation_keys, simplify=True)",
        "get_data(variables='all', gather=True, clear=False)",
        "get_population(label)",
        "get_spike_counts(gather=True)",
        "id_to_index(id)",
        "initialize()",
        "inject(current_source)",
        "mean_spike_count(gather=True)",
        "record(variables, to_file=None, sampling_interval=None, locations=None)",
        "sample(n, rng=None)",
        "save_positions(file)",
        "set()",
        "write_data(io, variables='all', gather=True, clear=False, annotations=None)",
    ],
    "pyNN.common.IDMixin": [
        "as_view()",
        "get_initial_value(variable)",
        "get_parameters()",
        "inject(current_source, location=None)",
        "set_initial_value(variable, value)",
        "set_parameters()",
    ],
    "pyNN.common.Projection": [
        "__getitem__(i)",
        "__iter__()",
        "__len__()",
        "annotate()",
        "describe(template='projection_default.txt', engine='default')",
        "get(attribute_names, format, gather=True, with_address=True, multiple_synapses='sum')",
        "initialize()",
        "save(attribute_names, file, format='list', gather=True, with_address=True)",
        "set()",
        "size(gather=True)",
    ],
    "pyNN.common.Connection": [
        "as_tuple()",
    ],
    "pyNN.common": [
        "is_conductance(target_cell)",
        "initialize(cells)",
        "set(cells)",
    ],
    "pyNN.connectors": [
        "AllToAllConnector(allow_self_connections=True, location_selector=None, safe=True, callback=None)",
        "ArrayConnector(array, location_selector=None, safe=True, callback=None)",
        "CSAConnector(cset, location_selector=None, safe=True, callback=None)",
        "CloneConnector(reference_projection, safe=True, callback=None)",
        "Connector(location_selector=None, safe=True, callback=None)",
        "DisplacementDependentProbabilityConnector(disp_function, allow_self_connections=True, "
        "location_selector=None, rng=None, safe=True, callback=None)",
        "DistanceDependentProbabilityConnector(d_expression, allow_self_connections=True, location_selector=None, "
        "rng=None, safe=True, callback=None)",
        "FixedNumberConnector(n, allow_self_connections=True, with_replacement=False, location_selector=None, "
        "rng=None, safe=True, callback=None)",
        "FixedNumberPostConnector(n, allow_self_connections=True, with_replacement=False, location_selector=None, "
        "rng=None, safe=True, callback=None)",
        "FixedNumberPreConnector(n, allow_self_connections=True, with_replacement=False, location_selector=None, "
        "rng=None, safe=True, callback=None)",
        "FixedProbabilityConnector(p_connect, allow_self_connections=True, location_selector=None, rng=None, "
        "safe=True, callback=None)",
        "FixedTotalNumberConnector(n, allow_self_connections=True, with_replacement=True, location_selector=None, "
        "rng=None, safe=True, callback=None)",
        "FromFileConnector(file, distributed=False, location_selector=None, safe=True, callback=None)",
        "FromListConnector(conn_list, column_names=None, location_selector=None, safe=True, callback=None)",
        "IndexBasedProbabilityConnector(index_expression, allow_self_connections=True, location_selector=None, "
        "rng=None, safe=True, callback=None)",
        "MapConnector(location_selector=None, safe=True, callback=None)",
        "OneToOneConnector(location_selector=None, safe=True, callback=None)",
        "SmallWorldConnector(degree, rewiring, allow_self_connections=True, n_connections=None, "
        "location_selector=None, rng=None, safe=True, callback=None)",
    ],
    "pyNN.connectors.Connector": [
        "connect(projection)",
        "describe(template='connector_default.txt', engine='default')",
        "get_parameters()",
    ],
    "pyNN.models.BaseModelType": [
        "describe(template='modeltype_default.txt', engine='default')",
        "get_parameter_names()",
        "get_schema()",
        "has_parameter(name)",
    ],
    "pyNN.models.BaseCellType": [
        "can_record(variable, location=None)",
    ],
    "pyNN.standardmodels.base.StandardCurrentSource": [
        "get_data()",
        "get_parameters()",
        "inject_into(cells)",
        "record()",
        "set_parameters(copy=True)",
    ],
    "pyNN.parameters": [
        "ArrayParameter(value)",
        "Sequence(value)",
        "LazyArray(value, shape=None, dtype=None)",
        "ParameterSpace(parameters, schema=None, shape=None, component=None)",
        "simplify(value)",
        "IonicSpecies(ion_name, reversal_potential, internal_concentration=None, external_concentration=None)",
    ],
    "pyNN.parameters.LazyArray": [
        "by_column(mask=None)",
    ],
    "pyNN.parameters.ArrayParameter": [
        "__add__(val)",
        "__eq__(other)",
        "__getitem__(item)",
        "__mul__(val)",
        "__sub__(val)",
        "__truediv__(val)",
        "max()",
    ],
    "pyNN.parameters.ParameterSpace": [
        "__eq__(other)",
        "__getitem__(name)",
        "__iter__()",
        "as_dict()",
        "columns()",
        "evaluate(mask=None, simplify=False)",
        "expand(new_shape, mask)",
        "flatten(with_prefix=True)",
        "items()",
        "keys()",
        "pop(name, d=None)",
        "update()",
    ],
    "pyNN.random": [
        "AbstractRNG(seed=None)",
        "WrappedRNG(seed=None, parallel_safe=True)",
        "NumpyRNG(seed=None, parallel_safe=True)",
        "GSLRNG(seed=None, type='mt19937', parallel_safe=True)",
        "NativeRNG(seed=None)",
        "RandomDistribution(distribution, parameters_pos=None, rng=None)",
        "get_mpi_config()",
    ],
    "pyNN.random.AbstractRNG": [
        "next(n=None, distribution=None, parameters=None, mask=None)",
    ],
    "pyNN.random.WrappedRNG": [
        "describe()",
        "next(n=None, distribution=None, parameters=None, mask=None)",
    ],
    "pyNN.random.NumpyRNG": [
        "normal_clipped(mu=0.0, sigma=1.0, low=-inf, high=inf, size=None)",
        "normal_clipped_to_boundary(mu=0.0, sigma=1.0, low=-inf, high=inf, size=None)",
    ],
    "pyNN.random.RandomDistribution": [
        "lazily_evaluate(mask=None, shape=None)",
        "next(n=None, mask=None)",
    ],
    "pyNN.space": [
        "Space(axes=None, scale_factor=1.0, offset=0.0, periodic_boundaries=None)",
        "Line(dx=1.0, x0=0.0, y=0.0, z=0.0)",
        "Grid2D(aspect_ratio=1.0, dx=1.0, dy=1.0, x0=0.0, y0=0.0, z=0, fill_order='sequential', rng=None)",
        "Grid3D(aspect_ratioXY=1.0, aspect_ratioXZ=1.0, dx=1.0, dy=1.0, dz=1.0, x0=0.0, y0=0.0, z0=0, "
        "fill_order='sequential', rng=None)",
        "RandomStructure(boundary, origin=(0.0, 0.0, 0.0), rng=None)",
        "Cuboid(width, height, depth)",
        "Sphere(radius)",
        "distance(src, tgt, mask=None, scale_factor=1.0, offset=0.0, periodic_boundaries=None)",
    ],
    "pyNN.space.BaseStructure": [
        "describe(template='structure_default.txt', engine='default')",
        "generate_positions(n)",
        "get_parameters()",
        "__eq__(other)",
    ],
    "pyNN.space.Space": [
        "distance_generator(f, g)",
        "distances(A, B, expand=False)",
    ],
    "pyNN.space.Grid2D": [
        "calculate_size(n)",
        "generate_positions(n)",
    ],
    "pyNN.space.Grid3D": [
        "calculate_size(n)",
        "generate_positions(n)",
    ],
    "pyNN.space.Cuboid": [
        "sample(n, rng)",
    ],
    "pyNN.space.Sphere": [
        "sample(n, rng)",
    ],
    "pyNN.core": [
        "deprecated(replacement='')",
        "ezip()",
        "find(command)",
        "is_listlike(obj)",
        "reraise(exception, message)",
        "run_command(path, working_directory)",
        "IndexBasedExpression()",
    ],
    "pyNN.core.IndexBasedExpression": [
        "__call__(i, j)",
    ],
    "pyNN.errors": [
        "NonExistentParameterError(parameter_name, model_name, valid_parameter_names=['unknown'])",
        "RecordingError(variable, cell_type)",
    ],
    "pyNN.recording": [
        "filter_by_variables(segment, variables)",
        "gather_array(data)",
        "gather_blocks(data, ordered=True)",
        "gather_dict(D, all=False)",
        "get_io(filename)",
        "get_mpi_comm()",
        "mpi_sum(x)",
        "remove_duplicate_spiketrains(data)",
        "rename_existing(filename)",
        "safe_makedirs(dir)",
        "Variable(name, location, label)",
    ],
    "pyNN.recording.files": [
        "StandardTextFile(filename, mode='rb')",
        "PickleFile(filename, mode='rb')",
        "NumpyBinaryFile(filename, mode='rb')",
        "HDF5ArrayFile(filename, mode='r', title='PyNN data file')",
        "savez(file)",
    ],
    "pyNN.recording.files.BaseFile": [
        "close()",
        "get_metadata()",
        "read()",
        "rename(filename)",
        "write(data, metadata)",
    ],
    "pyNN.utility": [
        "load_population(filename, sim)",
        "save_population(population, filename, variables=None)",
        "sort_by_column(a, col)",
        "get_script_args(n_args, usage='')",
        "get_simulator()",
        "init_logging(logfile, debug=False, num_processes=1, rank=0, level=None)",
        "normalized_filename(root, basename, extension, simulator, num_processes=None, use_iso8601=False)",
        "notify(msg='Simulation finished.', subject='Simulation finished.', smtphost=None, address=None)",
        "ProgressBar(width=77, char='#', mode='fixed')",
        "SimulationProgressBar(interval, t_stop, char='#', mode='fixed')",
        "Timer()",
        "forgetful_memoize(func)",
    ],
    "pyNN.utility.timer.Timer": [
        "diff(format=None)",
        "elapsed_time(format=None)",
        "mark(label)",
        "reset()",
        "start()",
        "time_in_words(s)",
    ],
    "pyNN.utility.progress_bar.ProgressBar": [
        "__call__(level)",
        "set_level(level)",
    ],
    "pyNN.utility.build": [
        "compile_nest_extensions(extension_directory, nest_build_dir='_build')",
        "compile_nmodl(mechanism_directory)",
    ],
    "pyNN.utility.plotting": [
        "DataTable(x, y)",
        "Figure()",
        "Histogram(data)",
        "Panel()",
        "comparison_plot(segments, labels, title='', annotations=None, fig_settings=None, with_spikes=True)",
        "connection_plot(projection, positive='O', zero='.', empty=' ', spacer='')",
        "handle_options(ax, options)",
        "isi_histogram(segment)",
        "plot_array_as_image(ax, arr, label='')",
        "plot_hist(ax, histogram, label='')",
        "plot_signal(ax, signal, index=None, label='')",
        "plot_signals(ax, signal_array, label_prefix='')",
        "plot_spiketrainlist(ax, spiketrains, label='')",
        "plot_spiketrains(ax, spiketrains, label='')",
        "scatterplot(ax, data_table, label='')",
        "variable_names(segment)",
    ],
    "pyNN.utility.plotting.Figure": [
        "save(filename)",
        "show()",
    ],
    "pyNN.utility.plotting.Panel": [
        "plot(axes)",
    ],
    "pyNN.utility.plotting.Histogram": [
        "evaluate()",
        "__iter__()",
    ],
    "pyNN.utility.plotting.DataTable": [
        "fit_curve(f, p0)",
    ],
    "pyNN.descriptions": [
        "get_default_template_engine()",
        "render(engine, template, context)",
    ],
}
"""Where -> what PyNN 0.13 has there; *args and **kwargs are left out."""

def place(path: str) -> Any:
    if path == "backend module":
        return importlib.import_module("pyNN.reference")
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def parameters_of(thing: Any) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = inspect.signature(thing).parameters.values()
    return [p for p in found if p.kind not in kinds and p.name != "self"]


def parameters_of_text(text: str) -> list[inspect.Parameter]:
    scope: dict[str, Any] = {"inf": float("inf"), "Space": lambda: None}
    exec(f"def function{text[text.index('('):]}: ...", scope)
    return list(inspect.signature(scope["function"]).parameters.values())


def means_the_same(ours: Any, theirs: Any) -> bool:
    # None stands for the empty dictionary, list or Space that PyNN makes once and shares between calls.
    if ours is None or ours == ():
        return theirs is None or theirs == {} or theirs == ["unknown"] or theirs == ()
    return type(ours) in (type(theirs), int, float) and ours == theirs


@pytest.mark.parametrize(("where", "text"), [(where, text) for where, texts in SIGNATURES.items() for text in texts])
def test_a_signature_begins_with_that_of_pynn(where: str, text: str) -> None:
    name = text[: text.index("(")]
    ours = parameters_of(getattr(place(where), name))
    theirs = parameters_of_text(text)
    special = name.startswith("__")  # nobody gives the arguments of an operator by name
    for mine, wanted in zip(ours, theirs, strict=False):
        assert special or mine.name == wanted.name, f"{mine} where PyNN has {wanted}"
        if wanted.default is not wanted.empty:
            assert means_the_same(mine.default, wanted.default), f"{mine} where PyNN has {wanted}"
    assert len(ours) >= len(theirs), f"{[p.name for p in theirs[len(ours):]]} are missing"
    for mine in ours[len(theirs) :]:
        assert mine.default is not mine.empty, f"{mine} is an addition and must be optional"


ATTRIBUTES = {
    "population": """all_cells local_cells local_size first_id last_id size label annotations celltype structure
        positions initial_values recorder conductance_based injectable receptor_types position_generator""",
    "view": """all_cells local_cells local_size first_id last_id size label annotations celltype structure
        positions initial_values recorder conductance_based injectable receptor_types position_generator
        parent grandparent mask""",
    "assembly": """all_cells local_cells first_id last_id size label annotations positions conductance_based injectable
        receptor_types position_generator populations""",
    "cell": "celltype is_standard_cell local position parent",
    "projection": "pre post label shape connector synapse_type receptor_type space connections",
    "connection": "weight delay presynaptic_index postsynaptic_index",
    "state": "t dt min_delay max_delay mpi_rank num_processes running segment_counter",
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_attributes_of_an_object(backend: str, kind: str) -> None:
    sim = importlib.import_module(f"pyNN.{backend}")
    sim.setup()
    cells = sim.Population(3, sim.IF_cond_exp(), label="cells")
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=1.0))
    objects = {
        "population": cells,
        "view": cells[:2],
        "assembly": sim.Assembly(cells),
        "cell": cells[0],
        "projection": projection,
        "connection": projection[0],
        "state": sim.state,
    }
    for name in ATTRIBUTES[kind].split():
        getattr(objects[kind], name)  # an AttributeError names what is missing


# --- models ---------------------------------------------------------------------------------------------------------

_LIF = {"v_rest": (-65.0, "mV"), "cm": (1.0, "nF"), "tau_m": (20.0, "ms"), "tau_refrac": (0.1, "ms"),
        "i_offset": (0.0, "nA"), "v_reset": (-65.0, "mV"), "v_thresh": (-50.0, "mV")}
_REVERSAL = {"e_rev_E": (0.0, "mV"), "e_rev_I": (-70.0, "mV")}


def _time_constants(excitatory: float, inhibitory: float) -> dict[str, tuple[float, str]]:
    return {"tau_syn_E": (excitatory, "ms"), "tau_syn_I": (inhibitory, "ms")}


_CURRENTS = {"v": (-65.0, "mV"), "isyn_exc": (0.0, "nA"), "isyn_inh": (0.0, "nA")}
_CONDUCTANCES = {"v": (-65.0, "mV"), "gsyn_exc": (0.0, "uS"), "gsyn_inh": (0.0, "uS")}
_BOTH = ("excitatory", "inhibitory")
_DURATION = {"start": (0.0, "ms"), "duration": (1e10, "ms")}

CELL_TYPES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str], tuple[str, ...], bool, bool]] = {
    "IF_curr_exp": ({**_LIF, **_time_constants(5.0, 5.0)}, _CURRENTS, ["spikes", "v"], _BOTH, True, False),
    "IF_curr_alpha": ({**_LIF, **_time_constants(0.5, 0.5)}, _CURRENTS, ["spikes", "v"], _BOTH, True, False),
    "IF_curr_delta": (_LIF, {"v": (-65.0, "mV")}, ["spikes", "v"], _BOTH, True, False),
    "IF_cond_exp": (
        {**_LIF, **_time_constants(5.0, 5.0), **_REVERSAL},
        _CONDUCTANCES,
        ["spikes", "v", "gsyn_exc", "gsyn_inh"],
        _BOTH,
        True,
        True,
    ),
    "IF_cond_alpha": (
        {**_LIF, **_time_constants(0.3, 0.5), **_REVERSAL},
        _CONDUCTANCES,
        ["spikes", "v", "gsyn_exc", "gsyn_inh"],
        _BOTH,
        True,
        True,
    ),
    "SpikeSourceArray": ({"spike_times": (Sequence([]), "ms")}, {}, ["spikes"], (), False, True),
    "SpikeSourcePoisson": ({"rate": (1.0, "Hz"), **_DURATION}, {}, ["spikes"], (), False, True),
    "SpikeSourcePoissonRefractory": (
        {"rate": (1.0, "Hz"), "tau_refrac": (0.0, "ms"), **_DURATION}, {}, ["spikes"], (), False, True,
    ),
    "SpikeSourceGamma": (
        {"alpha": (2, "dimensionless"), "beta": (1.0, "Hz"), **_DURATION}, {}, ["spikes"], (), False, True,
    ),
    "SpikeSourceInhGamma": (
        {
            "a": (Sequence([1.0]), "dimensionless"),
            "b": (Sequence([1.0]), "s"),
            "tbins": (Sequence([0.0]), "ms"),
            **_DURATION,
        },
        {}, ["spikes"], (), False, True,
    ),
}
"""Name -> parameters (default, unit), states (initial value, unit), recordable, receptors, injectable, conductance."""

OTHER_MODELS: dict[str, dict[str, Any]] = {
    "StaticSynapse": {"weight": 0.0, "delay": None},
    "DCSource": {"amplitude": 1.0, "start": 0.0, "stop": 1e12},
    "ACSource": {"amplitude": 1.0, "start": 0.0, "stop": 1e12, "frequency": 10.0, "offset": 0.0, "phase": 0.0},
    "StepCurrentSource": {"amplitudes": Sequence([]), "times": Sequence([])},
    "NoisyCurrentSource": {"mean": 0.0, "stdev": 1.0, "start": 0.0, "stop": 1e12, "dt": 0.1},
}


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, Sequence):
        return isinstance(ours, Sequence) and np.array_equal(ours.value, theirs.value)
    return bool(ours == theirs)


def assert_same_values(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert set(ours) == set(theirs)
    assert [name for name in theirs if not same(ours[name], theirs[name])] == []


@pytest.mark.parametrize("name", CELL_TYPES)
def test_a_cell_type(name: str) -> None:
    celltype = getattr(importlib.import_module("pyNN.standardmodels.cells"), name)
    parameters, states, recordable, receptors, injectable, conductance_based = CELL_TYPES[name]
    assert_same_values(celltype.default_parameters, {k: v[0] for k, v in parameters.items()})
    assert_same_values(celltype.default_initial_values, {k: v[0] for k, v in states.items()})
    for variable, (_, unit) in {**parameters, **states}.items():
        assert celltype.units[variable] == unit, variable
    # What can be recorded besides is an addition (the currents of current-based cells).
    assert [variable for variable in celltype.recordable if variable in recordable] == recordable
    assert celltype.receptor_types == receptors
    assert celltype.injectable is injectable
    assert celltype.conductance_based is conductance_based
    assert celltype.voltage_based_synapses is (name == "IF_curr_delta")
    assert set(celltype.get_parameter_names()) == set(parameters)
    assert all(celltype.has_parameter(parameter) for parameter in parameters)
    assert celltype().can_record("spikes")


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_a_synapse_type_or_current_source(name: str) -> None:
    model: type[BaseModelType] = getattr(importlib.import_module("pyNN.reference"), name)
    assert_same_values(model.default_parameters, OTHER_MODELS[name])


def test_attributes_of_a_synapse_type() -> None:
    from pyNN.standardmodels.synapses import StaticSynapse

    assert (StaticSynapse.connection_type, StaticSynapse.has_presynaptic_components) == (None, False)
    assert (StaticSynapse.weight_variable, StaticSynapse.delay_variable) == ("weight", "delay")


SUBCLASSES = {
    "StandardCellType": ("StandardModelType", "BaseCellType"),
    "StandardCellTypeComponent": ("StandardModelType", "BaseCellTypeComponent"),
    "StandardPostSynapticResponse": ("StandardModelType", "BasePostSynapticResponse"),
    "StandardSynapseType": ("StandardModelType", "BaseSynapseType"),
    "StandardCurrentSource": ("StandardModelType", "BaseCurrentSource"),
    "StandardIonChannelModel": ("StandardModelType", "BaseIonChannelModel"),
    "STDPWeightDependence": ("StandardModelType",),
    "STDPTimingDependence": ("StandardModelType",),
    "StandardModelType": ("BaseModelType",),
}


@pytest.mark.parametrize("name", SUBCLASSES)
def test_bases_of_a_class_of_models(name: str) -> None:
    base = importlib.import_module("pyNN.standardmodels.base")
    assert {c.__name__ for c in getattr(base, name).__mro__} >= set(SUBCLASSES[name])


# --- constants ------------------------------------------------------------------------------------------------------

DISTRIBUTIONS = {
    "binomial": ("n", "p"),
    "gamma": ("k", "theta"),
    "exponential": ("beta",),
    "lognormal": ("mu", "sigma"),
    "normal": ("mu", "sigma"),
    "normal_clipped": ("mu", "sigma", "low", "high"),
    "normal_clipped_to_boundary": ("mu", "sigma", "low", "high"),
    "poisson": ("lambda_",),
    "uniform": ("low", "high"),
    "uniform_int": ("low", "high"),
    "vonmises": ("mu", "kappa"),
}

CONSTANTS: dict[str, Callable[[Any], bool]] = {
    "pyNN.random.available_distributions": lambda v: {k: tuple(names) for k, names in v.items()} == DISTRIBUTIONS,
    "pyNN.random.MAX_REDRAWS": lambda v: v == 1000,
    "pyNN.recording.MPI_ROOT": lambda v: v == 0,
    "pyNN.recording.files.DEFAULT_BUFFER_SIZE": lambda v: v == 10000,
    "pyNN.space.Line.parameter_names": lambda v: tuple(v) == ("dx", "x0", "y", "z"),
    "pyNN.space.Grid2D.parameter_names": lambda v: (
        tuple(v) == ("aspect_ratio", "dx", "dy", "x0", "y0", "z", "fill_order")
    ),
    "pyNN.space.Grid3D.parameter_names": lambda v: (
        tuple(v) == ("aspect_ratios", "dx", "dy", "dz", "x0", "y0", "z0", "fill_order")
    ),
    "pyNN.space.RandomStructure.parameter_names": lambda v: tuple(v) == ("boundary", "origin", "rng"),
    "pyNN.space.Space.AXES": lambda v: (
        {k: list(axes) for k, axes in v.items()}
        == {"x": [0], "y": [1], "z": [2], "xy": [0, 1], "yz": [1, 2], "xz": [0, 2], "xyz": [0, 1, 2], None: [0, 1, 2]}
    ),
    "pyNN.projections.Projection.MULTI_SYNAPSE_OPERATIONS": lambda v: set(v) == {"last", "first", "sum", "min", "max"},
    "pyNN.connectors.AllToAllConnector.parameter_names": lambda v: tuple(v) == ("allow_self_connections",),
    "pyNN.connectors.ArrayConnector.parameter_names": lambda v: tuple(v) == ("array",),
    "pyNN.connectors.CSAConnector.parameter_names": lambda v: tuple(v) == ("cset",),
    "pyNN.connectors.CloneConnector.parameter_names": lambda v: tuple(v) == ("reference_projection",),
    "pyNN.connectors.DistanceDependentProbabilityConnector.parameter_names": lambda v: (
        tuple(v) == ("allow_self_connections", "d_expression")
    ),
    "pyNN.connectors.FixedNumberPreConnector.parameter_names": lambda v: tuple(v) == ("allow_self_connections", "n"),
    "pyNN.connectors.FixedNumberPostConnector.parameter_names": lambda v: tuple(v) == ("allow_self_connections", "n"),
    "pyNN.connectors.FixedTotalNumberConnector.parameter_names": lambda v: tuple(v) == ("allow_self_connections", "n"),
    "pyNN.connectors.FixedProbabilityConnector.parameter_names": lambda v: (
        tuple(v) == ("allow_self_connections", "p_connect")
    ),
    "pyNN.connectors.FromFileConnector.parameter_names": lambda v: tuple(v) == ("file", "distributed"),
    "pyNN.connectors.FromListConnector.parameter_names": lambda v: tuple(v) == ("conn_list",),
    "pyNN.connectors.IndexBasedProbabilityConnector.parameter_names": lambda v: (
        tuple(v) == ("allow_self_connections", "index_expression")
    ),
    "pyNN.connectors.OneToOneConnector.parameter_names": lambda v: tuple(v) == (),
    "pyNN.connectors.SmallWorldConnector.parameter_names": lambda v: (
        tuple(v) == ("allow_self_connections", "degree", "rewiring", "n_connections")
    ),
}


@pytest.mark.parametrize("path", CONSTANTS)
def test_a_constant(path: str) -> None:
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            thing = getattr(thing, name)
        break
    assert CONSTANTS[path](thing), thing
