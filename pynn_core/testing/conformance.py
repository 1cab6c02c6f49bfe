"""The contract of `pyNN.backend` as tests: a pytest module that takes a fixture ``backend``.

The networks are a few cells of linear models, so that what must come out is known in closed form. A backend whose
`Capabilities` say that it cannot do something is expected to fail the tests that need it, with its own reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from pyNN.backend import Backend, Session, Settings, Spikes
from pyNN.errors import CapabilityError
from pyNN.models import BaseModelType, Definition, Parameter
from pyNN.specs import (
    ConnectionTable,
    CurrentSpec,
    NetworkSpec,
    PopulationSpec,
    ProjectionSpec,
    Ragged,
    RecordingSpec,
    Value,
)
from pyNN.standardmodels import cells as standard_cells
from pyNN.standardmodels.base import StandardCellType
from pyNN.standardmodels.cells import IF_curr_exp, SpikeSourceArray
from pyNN.standardmodels.electrodes import DCSource
from pyNN.standardmodels.synapses import StaticSynapse

DT = 0.1
"""Time step of every test, ms."""
CELL_TYPES = sorted(
    name
    for name, value in vars(standard_cells).items()
    if isinstance(value, type)
    and issubclass(value, StandardCellType)
    and "v" in value.definition.states
    and not name.startswith("_")
)
"""Names of all standard cell types that have a membrane potential."""
TOLERANCE = 1e-9
"""mV. Exact integration leaves rounding errors of about 1e-13 mV; a method of finite order does not come this close."""

__all__ = [
    "open_session",
    "test_a_connection_acts_after_its_delay",
    "test_a_current_source_acts_on_the_update_of_its_start",
    "test_a_model_that_is_not_there_is_refused_before_anything_is_made",
    "test_a_parameter_that_is_written_acts_from_the_next_step",
    "test_a_population_can_be_added_after_a_run",
    "test_a_spike_at_the_first_step_arrives",
    "test_a_state_that_is_written_is_read_back",
    "test_cells_differ_where_their_parameters_do",
    "test_clear_forgets_and_goes_on_from_now",
    "test_close_can_be_called_twice",
    "test_constant_current_gives_the_known_spike_times",
    "test_every_cell_type_starts_as_told_and_shows_every_variable",
    "test_parallel_connections_add_up",
    "test_pieces_of_a_run_add_up_to_the_whole",
    "test_sampling_takes_every_nth_state",
    "test_spikes_of_a_source_are_its_times_in_order_of_step_then_cell",
    "test_synapses_are_read_and_written_in_the_order_of_the_table",
    "test_the_backend_names_itself_and_its_versions",
    "test_the_first_sample_is_the_initial_state",
    "test_the_membrane_decays_exactly",
]


# --- making networks -----------------------------------------------------------------------------------------------


def needs_dynamics(backend: Backend) -> None:
    """Expect failure where the backend says that its cells have no dynamics."""
    if not backend.capabilities.dynamics:
        pytest.xfail(backend.capabilities.missing.get("dynamics", "this backend has no dynamics"))


def cells(size: int, first_id: int = 0, number: int = 0, v: Any = -65.0, **parameters: Any) -> PopulationSpec:
    """`size` cells of type IF_curr_exp with initial potential `v` (mV)."""
    model = IF_curr_exp.definition
    values = {name: p.default for name, p in model.parameters.items()} | parameters
    states = {name: state.initial for name, state in model.states.items()} | {"v": v}
    return PopulationSpec(number, f"cells {number}", model, size, first_id, values, states)


def sources(times: list[list[float]], first_id: int = 0, number: int = 0) -> PopulationSpec:
    """One spike source for each list of times (ms)."""
    values: dict[str, Value] = {"spike_times": Ragged.from_list(times)}
    return PopulationSpec(number, f"sources {number}", SpikeSourceArray.definition, len(times), first_id, values, {})


def connections(
    pre: PopulationSpec, post: PopulationSpec, pairs: list[tuple[int, int, float, int]], receptor: str = "excitatory"
) -> ProjectionSpec:
    """Connections (pre index, post index, weight in nA, delay in steps), which must be sorted by post, then pre."""
    i, j, weight, delay = (np.array(column) for column in zip(*pairs, strict=True))
    table = ConnectionTable(
        i.astype(np.int32), j.astype(np.int32), delay.astype(np.int32), {"weight": weight.astype(float)}
    )
    return ProjectionSpec(
        0,
        "projection",
        pre.first_id + np.arange(pre.size),
        post.first_id + np.arange(post.size),
        receptor,
        StaticSynapse.definition,
        table,
    )


def record(population: PopulationSpec, variable: str, number: int = 0, **options: Any) -> RecordingSpec:
    """A recording of one variable of all cells."""
    return RecordingSpec(number, population.id, variable, np.arange(population.size), **options)


def settings_of(backend: Backend) -> Settings:
    options = {name: option.default for name, option in backend.capabilities.options.items()}
    return Settings(DT, None, None, rng_seed=42, options=options)


@pytest.fixture
def open_session(backend: Backend) -> Iterator[Callable[..., Session]]:
    """Open a session and build a network in it; it is closed after the test."""
    from pyNN.parallel import SerialCommunicator

    opened: list[Session] = []

    def make(*parts: Any) -> Session:
        settings = settings_of(backend)
        network = network_of(*parts)
        backend.check(network, settings)
        session = backend.open(settings, SerialCommunicator())
        opened.append(session)
        session.build(network)
        return session

    yield make
    for session in opened:
        session.close()


def network_of(*parts: Any) -> NetworkSpec:
    """A NetworkSpec of specifications of any kind, in any order."""
    network = NetworkSpec()
    lists: Mapping[type, list[Any]] = {
        PopulationSpec: network.populations,
        ProjectionSpec: network.projections,
        CurrentSpec: network.currents,
        RecordingSpec: network.recordings,
    }
    for part in parts:
        lists[type(part)].append(part)
    return network


def samples(session: Session, recording: int = 0) -> np.ndarray[Any, Any]:
    data = session.collect(recording)
    assert not isinstance(data, Spikes)
    return np.asarray(data)


def spikes(session: Session, recording: int = 0) -> Spikes:
    data = session.collect(recording)
    assert isinstance(data, Spikes)
    return data


# --- recording -----------------------------------------------------------------------------------------------------


def test_the_first_sample_is_the_initial_state(open_session: Callable[..., Session]) -> None:
    initial = np.array([-70.0, -65.0, -51.0])
    population = cells(3, v=initial)
    session = open_session(population, record(population, "v"))
    session.advance(5)
    data = samples(session)
    assert data.shape == (6, 3)
    np.testing.assert_array_equal(data[0], initial)
    assert session.current_step == 5


def test_sampling_takes_every_nth_state(open_session: Callable[..., Session]) -> None:
    population = cells(2, v=np.array([-70.0, -60.0]))
    session = open_session(population, record(population, "v"), record(population, "v", number=1, every_steps=3))
    session.advance(10)
    np.testing.assert_array_equal(samples(session, 1), samples(session, 0)[::3])


def test_clear_forgets_and_goes_on_from_now(open_session: Callable[..., Session]) -> None:
    population = cells(2, v=np.array([-70.0, -60.0]))
    session = open_session(population, record(population, "v"), record(population, "v", number=1))
    session.advance(7)
    session.clear(1)
    session.advance(4)
    np.testing.assert_array_equal(samples(session, 1), samples(session, 0)[7:])


def test_spikes_of_a_source_are_its_times_in_order_of_step_then_cell(open_session: Callable[..., Session]) -> None:
    population = sources([[0.5, 1.2], [], [0.1, 0.5]])
    session = open_session(population, record(population, "spikes"))
    session.advance(20)
    data = spikes(session)
    assert list(zip(np.asarray(data.steps).tolist(), np.asarray(data.cells).tolist(), strict=True)) == [
        (1, 2),
        (5, 0),
        (5, 2),
        (12, 0),
    ]


# --- dynamics ------------------------------------------------------------------------------------------------------


def test_the_membrane_decays_exactly(backend: Backend, open_session: Callable[..., Session]) -> None:
    needs_dynamics(backend)
    population = cells(1, v=-55.0, tau_m=10.0)
    session = open_session(population, record(population, "v"))
    session.advance(200)
    t = DT * np.arange(201)
    np.testing.assert_allclose(samples(session)[:, 0], -65.0 + 10.0 * np.exp(-t / 10.0), rtol=0, atol=TOLERANCE)


def test_cells_differ_where_their_parameters_do(backend: Backend, open_session: Callable[..., Session]) -> None:
    needs_dynamics(backend)
    tau = np.array([5.0, 10.0, 20.0])
    population = cells(3, v=-55.0, tau_m=tau)
    session = open_session(population, record(population, "v"))
    session.advance(100)
    t = DT * np.arange(101)[:, np.newaxis]
    np.testing.assert_allclose(samples(session), -65.0 + 10.0 * np.exp(-t / tau), rtol=0, atol=TOLERANCE)


def test_constant_current_gives_the_known_spike_times(backend: Backend, open_session: Callable[..., Session]) -> None:
    """From reset to threshold takes tau_m ln(R I/(R I - 15 mV)); a spike has the time of the end of its step."""
    needs_dynamics(backend)
    population = cells(1, i_offset=1.0, tau_m=20.0, cm=1.0, tau_refrac=2.0)
    session = open_session(population, record(population, "spikes"))
    session.advance(1000)
    steps_to_threshold = int(np.ceil(20.0 * np.log(20.0 / (20.0 - 15.0)) / DT))
    expected = np.arange(steps_to_threshold, 1001, steps_to_threshold + 20)
    np.testing.assert_array_equal(spikes(session).steps, expected)


def test_a_current_source_acts_on_the_update_of_its_start(
    backend: Backend, open_session: Callable[..., Session]
) -> None:
    needs_dynamics(backend)
    population = cells(1)
    source = CurrentSpec(0, DCSource.definition, {"amplitude": 0.5, "start": 1.0, "stop": 1e12}, np.array([0]))
    session = open_session(population, source, record(population, "v"))
    session.advance(30)
    t = np.maximum(DT * (np.arange(31) - 10), 0.0)
    np.testing.assert_allclose(samples(session)[:, 0], -65.0 + 10.0 * (1 - np.exp(-t / 20.0)), rtol=0, atol=TOLERANCE)


def test_pieces_of_a_run_add_up_to_the_whole(open_session: Callable[..., Session], backend: Backend) -> None:
    def simulate(pieces: list[int]) -> tuple[Any, Any]:
        source = sources([[0.3, 1.1, 2.0]])
        population = cells(2, first_id=1, number=1, i_offset=np.array([0.0, 0.9]))
        pairs = [(0, 0, 0.5, 3), (0, 1, 0.7, 5)]
        session = open_session(
            source, population, connections(source, population, pairs), record(population, "v"),
            record(population, "spikes", number=1),
        )
        for steps in pieces:
            session.advance(steps)
        result = samples(session, 0).copy(), np.array(spikes(session, 1).steps)
        session.close()
        return result

    whole, pieces = simulate([600]), simulate([1, 2, 7, 90, 500])
    np.testing.assert_array_equal(whole[0], pieces[0])
    np.testing.assert_array_equal(whole[1], pieces[1])


def test_a_population_can_be_added_after_a_run(backend: Backend, open_session: Callable[..., Session]) -> None:
    needs_dynamics(backend)
    first = cells(1, v=-55.0)
    session = open_session(first, record(first, "v"))
    session.advance(10)
    late = cells(2, first_id=1, number=1, v=-55.0)
    session.build(network_of(late, record(late, "v", number=1, start_step=10)))
    session.advance(10)
    data = samples(session, 1)
    assert data.shape == (11, 2)
    np.testing.assert_allclose(data[:, 0], samples(session, 0)[:11, 0], rtol=0, atol=TOLERANCE)


# --- connections ---------------------------------------------------------------------------------------------------


def response_to(
    open_session: Callable[..., Session], time: float, pairs: list[tuple[int, int, float, int]], steps: int = 60
) -> np.ndarray[Any, Any]:
    """Deviation from rest (mV) of one cell that gets one presynaptic spike over the given connections."""
    source = sources([[time]])
    population = cells(1, first_id=1, number=1)
    session = open_session(source, population, connections(source, population, pairs), record(population, "v"))
    session.advance(steps)
    deviation = samples(session)[:, 0] + 65.0
    session.close()
    return np.asarray(deviation)


@pytest.mark.parametrize("delay", [1, 2, 15])
def test_a_connection_acts_after_its_delay(
    backend: Backend, open_session: Callable[..., Session], delay: int
) -> None:
    """A spike of step s is in the synaptic current at s + delay, so the potential first differs one step later."""
    needs_dynamics(backend)
    deviation = response_to(open_session, 1.0, [(0, 0, 0.5, delay)])
    t = np.maximum(DT * (np.arange(61) - 10 - delay), 0.0)
    # Closed form for tau_m = 20 ms, tau_syn = 5 ms, cm = 1 nF.
    expected = 0.5 / 1.0 * (20.0 * 5.0) / (20.0 - 5.0) * (np.exp(-t / 20.0) - np.exp(-t / 5.0))
    np.testing.assert_allclose(deviation, expected, rtol=0, atol=TOLERANCE)


def test_a_spike_at_the_first_step_arrives(backend: Backend, open_session: Callable[..., Session]) -> None:
    """A spike before the smallest delay has passed is not lost."""
    needs_dynamics(backend)
    early = response_to(open_session, 0.1, [(0, 0, 0.5, 10)])
    late = response_to(open_session, 2.1, [(0, 0, 0.5, 10)])
    assert early[12] > 0.0
    np.testing.assert_allclose(early[:41], late[20:], rtol=0, atol=TOLERANCE)


def test_parallel_connections_add_up(backend: Backend, open_session: Callable[..., Session]) -> None:
    needs_dynamics(backend)
    double = response_to(open_session, 1.0, [(0, 0, 0.1, 5), (0, 0, 0.3, 5)])
    single = response_to(open_session, 1.0, [(0, 0, 0.4, 5)])
    np.testing.assert_allclose(double, single, rtol=0, atol=TOLERANCE)


def test_synapses_are_read_and_written_in_the_order_of_the_table(open_session: Callable[..., Session]) -> None:
    source = sources([[], [], []])
    population = cells(2, first_id=3, number=1)
    pairs = [(0, 0, 0.1, 3), (2, 0, 0.2, 4), (2, 0, 0.3, 4), (1, 1, 0.4, 9)]
    session = open_session(source, population, connections(source, population, pairs))
    # One part in 1e12: a backend whose own unit differs multiplies on the way in and divides on the way out.
    np.testing.assert_allclose(session.read_synapses(0, "weight"), [0.1, 0.2, 0.3, 0.4], rtol=1e-12)
    np.testing.assert_allclose(session.read_synapses(0, "delay"), [0.3, 0.4, 0.4, 0.9], rtol=1e-12)
    session.write_synapses(0, "weight", np.array([0.5, 0.6, 0.7, 0.8]))
    session.advance(1)
    np.testing.assert_allclose(session.read_synapses(0, "weight"), [0.5, 0.6, 0.7, 0.8], rtol=1e-12)


# --- changes between runs ------------------------------------------------------------------------------------------


def test_a_parameter_that_is_written_acts_from_the_next_step(
    backend: Backend, open_session: Callable[..., Session]
) -> None:
    needs_dynamics(backend)
    source = sources([[]])
    population = cells(2, first_id=1, number=1)
    session = open_session(
        source, population, connections(source, population, [(0, 0, 0.1, 20)]), record(population, "v")
    )
    session.advance(20)
    session.write_cells(1, "i_offset", np.array([1]), 0.5)
    session.advance(20)
    t = np.maximum(DT * (np.arange(41) - 20), 0.0)
    data = samples(session)
    np.testing.assert_allclose(data[:, 0], -65.0, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(data[:, 1], -65.0 + 10.0 * (1 - np.exp(-t / 20.0)), rtol=0, atol=TOLERANCE)


def test_a_state_that_is_written_is_read_back(open_session: Callable[..., Session]) -> None:
    population = cells(3)
    session = open_session(population)
    session.write_cells(0, "v", np.array([0, 2]), np.array([-70.0, -60.0]))
    np.testing.assert_allclose(session.read_cells(0, "v"), [-70.0, -65.0, -60.0], rtol=1e-12)


# --- the backend itself --------------------------------------------------------------------------------------------


def test_a_model_that_is_not_there_is_refused_before_anything_is_made(
    backend: Backend, open_session: Callable[..., Session]
) -> None:
    """What `check` does not refuse must then be built; a dry run may take any model."""
    unknown = Definition("NoSuchModel", {"x": Parameter(0.0, "mV")})
    population = PopulationSpec(0, "unknown", unknown, 1, 0, {"x": 0.0}, {})
    try:
        backend.check(network_of(population), settings_of(backend))
    except (CapabilityError, NotImplementedError) as error:
        assert "NoSuchModel" in str(error)
    else:
        session = open_session(population)
        session.advance(1)
        assert session.current_step == 1


def test_close_can_be_called_twice(open_session: Callable[..., Session]) -> None:
    session = open_session(cells(1))
    session.advance(1)
    session.close()
    session.close()


def test_the_backend_names_itself_and_its_versions(backend: Backend) -> None:
    assert backend.name.isidentifier()
    assert backend.title
    versions = backend.versions()
    assert versions and all(isinstance(text, str) and text for text in versions.values())
    assert all(isinstance(reason, str) and reason for reason in backend.capabilities.missing.values())
    models: Mapping[str, type[BaseModelType] | Any] = backend.models
    assert "IF_curr_exp" in models


@pytest.mark.parametrize("name", CELL_TYPES)
def test_every_cell_type_starts_as_told_and_shows_every_variable(
    name: str, backend: Backend, open_session: Callable[..., Session]
) -> None:
    """Sample 0 of each variable is its initial value, also where cells differ; v follows the constant current."""
    needs_dynamics(backend)
    model: Definition = getattr(standard_cells, name).definition
    if name not in backend.models and not backend.capabilities.equations:
        pytest.xfail(backend.capabilities.missing.get(name, f"{backend.title} has no {name}"))
    values: dict[str, Value] = {
        key: Ragged.from_list([p.default.value] * 2) if p.is_array else p.default for key, p in model.parameters.items()
    }
    if "i_offset" in values:
        values["i_offset"] = np.array([0.0, 0.002])
    states: dict[str, Any] = {key: state.initial for key, state in model.states.items()}
    states["v"] = np.array([-66.0, -64.5])
    population = PopulationSpec(0, name, model, 2, 0, values, states)
    recordings = [record(population, variable, k) for k, variable in enumerate(model.recordable)]
    session = open_session(population, *recordings)
    session.advance(7)
    for recording in recordings[1:]:
        samples = session.collect(recording.id)
        assert not isinstance(samples, Spikes)
        assert samples.shape == (8, 2) and np.isfinite(samples).all()
        np.testing.assert_allclose(samples[0], np.broadcast_to(states[recording.variable], 2), rtol=1e-12)
    v = session.collect(model.recordable.index("v"))
    np.testing.assert_array_equal(session.read_cells(0, "v"), np.asarray(v)[-1])
    assert (np.diff(np.asarray(v), axis=0) != 0.0).any()
