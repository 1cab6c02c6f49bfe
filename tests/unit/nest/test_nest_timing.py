"""When things happen on NEST: spikes, changes between runs, currents and samples, in steps.

The expected values are closed forms: cells with tau_m = 1e9 ms integrate what they get, so V counts it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyNN.errors import CapabilityError
from pyNN.specs import Ragged

# A cell that only sums: 1 nA for one step of 0.1 ms on 1 nF is 0.1 mV. The leak is 1e-10 of V a step.
COUNTER = {"tau_m": 1e9, "v_rest": 0.0, "v_reset": -100.0, "v_thresh": 1e6, "cm": 1.0}
LEAK = 1e-6


@pytest.mark.parametrize("delay_steps", [1, 2, 5])
def test_spikes_before_min_delay_arrive(build: Any, part: Any, open_session: Any, delay_steps: int) -> None:
    times = [0.0, 0.1, 0.3, 0.5, 2.0]
    source = build.population("SpikeSourceArray", spike_times=Ragged.from_list([times]))
    target = build.population("IF_curr_delta", init={"v": 0.0}, **COUNTER)
    v = build.record(target, "v")
    session = open_session()
    session.build(part(source, target, build.projection(source, target, 1.0, delay_steps), v))
    session.advance(30)
    jumps = np.flatnonzero(np.diff(session.collect(v.id)[:, 0]) > 0.5) + 1
    assert jumps.tolist() == [round(t / 0.1) + delay_steps for t in times]


def test_spikes_of_several_steps_and_twice_in_one_step_add_up(build: Any, part: Any, open_session: Any) -> None:
    source = build.population("SpikeSourceArray", 2, spike_times=Ragged.from_list([[0.0, 1.0, 1.0], [1.0]]))
    target = build.population("IF_curr_delta", init={"v": 0.0}, **COUNTER)
    v, spikes = build.record(target, "v"), build.record(source, "spikes")
    session = open_session()
    session.build(part(source, target, build.projection(source, target, [1.0, 10.0], 3, [(0, 0), (1, 0)]), v, spikes))
    session.advance(20)
    np.testing.assert_allclose(session.collect(v.id)[[2, 3, 12, 13], 0], [0, 1, 1, 13], atol=LEAK)
    assert session.collect(spikes.id).steps.tolist() == [0, 10, 10, 10]
    assert session.collect(spikes.id).cells.tolist() == [0, 0, 0, 1]


def test_a_cell_that_starts_above_threshold_spikes_in_the_first_step(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_curr_exp", 2, init={"v": np.array([-40.0, -60.0])}, tau_refrac=0.3)
    v, spikes = build.record(cells, "v"), build.record(cells, "spikes")
    session = open_session()
    session.build(part(cells, v, spikes))
    session.advance(5)
    assert session.collect(spikes.id).steps.tolist() == [1]
    assert session.collect(v.id)[:, 0].tolist() == [-40.0, -65.0, -65.0, -65.0, -65.0, -65.0]


@pytest.mark.parametrize("min_delay", [1, 3, 10])
@pytest.mark.parametrize("pieces", [[17], [20], [1, 2, 3, 11]])
def test_a_parameter_changed_between_runs_acts_in_the_next_step(
    build: Any, part: Any, open_session: Any, min_delay: int, pieces: list[int]
) -> None:
    cells = build.population("IF_curr_delta", 2, init={"v": 0.0}, **COUNTER)
    v = build.record(cells, "v")
    session = open_session(min_delay_steps=min_delay)
    session.build(part(cells, v))
    for steps in pieces:
        session.advance(steps)
    session.write_cells(0, "i_offset", np.array([1]), 1.0)
    session.advance(3)
    expected = np.zeros((sum(pieces) + 4, 2))
    expected[-4:, 1] = [0.0, 0.1, 0.2, 0.3]
    np.testing.assert_allclose(session.collect(v.id), expected, atol=LEAK)


@pytest.mark.parametrize("min_delay", [1, 3, 10])
def test_a_state_changed_between_runs_is_the_state(build: Any, part: Any, open_session: Any, min_delay: int) -> None:
    cells = build.population("IF_curr_delta", 3, init={"v": 0.0}, **COUNTER)
    session = open_session(min_delay_steps=min_delay)
    session.build(part(cells))
    session.advance(7)
    session.write_cells(0, "v", np.array([2, 0]), np.array([5.0, 7.0]))
    np.testing.assert_allclose(session.read_cells(0, "v"), [7, 0, 5], atol=LEAK)
    session.advance(7)
    np.testing.assert_allclose(session.read_cells(0, "v"), [7, 0, 5], atol=LEAK)


@pytest.mark.parametrize("min_delay", [1, 4])
@pytest.mark.parametrize("kind", ["DCSource", "StepCurrentSource", "ACSource", "NoisyCurrentSource"])
def test_currents_act_in_exactly_their_steps(
    build: Any, part: Any, open_session: Any, min_delay: int, kind: str
) -> None:
    from pyNN.waveforms import signal

    parameters: dict[str, Any] = {"start": 0.0, "stop": 3.0}
    if kind == "StepCurrentSource":
        parameters = {"times": Ragged.from_list([[0.0, 0.2, 1.1]]).values, "amplitudes": np.array([1.0, -2.0, 0.5])}
    cells = build.population("IF_curr_exp", 3, init={"v": 0.0}, **COUNTER)
    current = build.current(kind, [0, 2, 2], **parameters)
    v = build.record(cells, "v")
    session = open_session(min_delay_steps=min_delay)
    session.build(part(cells, current, v))
    for steps in (1, 2, 7, 40):
        session.advance(steps)
    injected = np.cumsum(signal(current, session._settings, 0, 50)) * 0.1
    expected = np.concatenate([[0.0], injected])[:, None] * [1, 0, 2]
    np.testing.assert_allclose(session.collect(v.id), expected, atol=1e-5)
    assert np.abs(expected).max() > 0.05


@pytest.mark.parametrize("min_delay", [1, 4, 9])
def test_a_current_changed_between_runs_acts_in_the_next_step(
    build: Any, part: Any, open_session: Any, min_delay: int
) -> None:
    from pyNN.waveforms import signal

    cells = build.population("IF_curr_exp", 3, init={"v": 0.0}, **COUNTER)
    current = build.current("ACSource", [0, 1], frequency=100.0)
    v = build.record(cells, "v")
    session = open_session(min_delay_steps=min_delay)
    session.build(part(cells, current, v))
    flows = []

    def advance(steps: int, *targets: int) -> None:
        values = signal(current, session._settings, session.current_step, steps)
        flows.append(values[:, None] * np.bincount(targets, minlength=3))
        session.advance(steps)

    advance(30, 0, 1)
    current.parameters["amplitude"] = 3.0
    session.write_current(current)
    advance(2, 0, 1)
    current.cells = np.array([2, 1])
    session.write_current(current)
    advance(1, 1, 2)
    current.cells = np.array([2])
    session.write_current(current)
    advance(25, 2)
    expected = np.concatenate([np.zeros((1, 3)), np.cumsum(np.concatenate(flows), axis=0) * 0.1])
    np.testing.assert_allclose(session.collect(v.id), expected, atol=1e-5)


def test_injection_keeps_the_constant_current_and_goes_on_after_it_changes(
    build: Any, part: Any, open_session: Any
) -> None:
    cells = build.population("IF_curr_exp", 2, init={"v": 0.0}, **COUNTER, i_offset=np.array([1.0, 2.0]))
    current = build.current("DCSource", [0, 1], amplitude=0.5, start=1.0, stop=3.0)
    session = open_session()
    session.build(part(cells, current))
    session.advance(20)
    np.testing.assert_allclose(session.read_cells(0, "v"), [2.5, 4.5], atol=1e-5)
    session.write_cells(0, "i_offset", np.array([0, 1]), np.array([0.0, 1.0]))
    session.advance(20)
    np.testing.assert_allclose(session.read_cells(0, "v"), [3.0, 7.0], atol=1e-5)


@pytest.mark.parametrize("min_delay", [1, 3, 10])
@pytest.mark.parametrize("every", [1, 3, 7])
def test_samples_are_those_of_start_and_every_interval_up_to_now(
    build: Any, part: Any, open_session: Any, min_delay: int, every: int
) -> None:
    cells = build.population("IF_curr_delta", 4, init={"v": 0.0}, **COUNTER, i_offset=np.array([1.0, 2.0, 3.0, 4.0]))
    session = open_session(min_delay_steps=min_delay)
    session.build(part(cells))
    session.advance(13)
    v = build.record(cells, "v", [1, 3], every, start=13)
    session.build(part(v))
    for steps in (0, 1, 6, 30):
        session.advance(steps)
        now = session.current_step
        expected = np.arange(13, now + 1, every)[:, None] * [0.2, 0.4]
        np.testing.assert_allclose(session.collect(v.id), expected, atol=1e-5)
    session.clear(v.id)
    for steps in (0, 5, 30):
        session.advance(steps)
        expected = np.arange(50, session.current_step + 1, every)[:, None] * [0.2, 0.4]
        np.testing.assert_allclose(session.collect(v.id), expected, atol=1e-5)
    session.stop(v.id)
    session.advance(5)


def test_recorded_spikes_can_be_cleared_stopped_and_started_late(build: Any, part: Any, open_session: Any) -> None:
    # 1 nF charged with 1 nA from 0 to 1.05 mV crosses in update 10: a spike every 11 steps, without refractoriness.
    cells = build.population(
        "IF_curr_delta",
        3,
        init={"v": 0.0},
        **COUNTER | {"v_thresh": 1.05, "v_reset": 0.0},
        tau_refrac=0.0,
        i_offset=1.0,
    )
    first = build.record(cells, "spikes", [0, 2])
    session = open_session(min_delay_steps=4)
    session.build(part(cells, first))
    session.advance(30)
    assert session.collect(first.id).steps.tolist() == [11, 11, 22, 22]
    assert session.collect(first.id).cells.tolist() == [0, 2, 0, 2]
    session.clear(first.id)
    late = build.record(cells, "spikes", [1], start=30)
    session.build(part(late))
    session.advance(20)
    assert session.collect(first.id).steps.tolist() == [33, 33, 44, 44]
    assert session.collect(late.id).steps.tolist() == [33, 44]
    assert session.collect(late.id).cells.tolist() == [1, 1]
    session.stop(first.id)
    session.advance(20)
    assert session.collect(late.id).steps.tolist() == [33, 44, 55, 66]


def test_data_can_be_collected_before_the_first_step(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_curr_exp", 2, init={"v": np.array([-61.0, -62.0])})
    v, i, spikes = (build.record(cells, name) for name in ("v", "isyn_exc", "spikes"))
    session = open_session()
    session.build(part(cells, v, i, spikes))
    assert session.collect(v.id).tolist() == [[-61.0, -62.0]]
    assert session.collect(i.id).tolist() == [[0.0, 0.0]]
    assert session.collect(spikes.id).steps.size == 0
    session.advance(0)
    assert session.current_step == 0


def test_a_weight_changed_at_a_multiple_of_min_delay_spares_spikes_already_sent(
    build: Any, part: Any, open_session: Any
) -> None:
    source = build.population("SpikeSourceArray", spike_times=Ragged.from_list([[0.5, 0.8, 1.0, 1.1]]))
    target = build.population("IF_curr_delta", init={"v": 0.0}, **COUNTER)
    projection = build.projection(source, target, 1.0, 5)
    session = open_session()
    session.build(part(source, target, projection))
    session.advance(10)
    session.write_synapses(projection.id, "weight", 100.0)
    assert session.read_synapses(projection.id, "weight").tolist() == [100.0]
    session.advance(20)
    assert session.read_synapses(projection.id, "weight").tolist() == [100.0]
    np.testing.assert_allclose(session.read_cells(1, "v"), [103.0], atol=LEAK)


def test_a_source_changed_between_runs_spikes_by_the_new_rule_from_the_next_step(
    build: Any, part: Any, open_session: Any
) -> None:
    source = build.population("SpikeSourceArray", spike_times=Ragged.from_list([[0.5, 1.5, 2.5]]))
    target = build.population("IF_curr_delta", init={"v": 0.0}, **COUNTER)
    spikes, v = build.record(source, "spikes"), build.record(target, "v")
    session = open_session()
    session.build(part(source, target, build.projection(source, target, 1.0, 4), spikes, v))
    session.advance(10)
    session.write_cells(0, "spike_times", np.array([0]), Ragged.from_list([[0.2, 1.1, 2.0]]))
    session.advance(20)
    assert session.collect(spikes.id).steps.tolist() == [5, 11, 20]
    assert (np.flatnonzero(np.diff(session.collect(v.id)[:, 0]) > 0.5) + 1).tolist() == [9, 15, 24]


def test_a_source_created_later_may_not_spike_at_that_very_moment(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_curr_exp")
    session = open_session()
    session.build(part(cells))
    session.advance(10)
    session.build(part(build.population("SpikeSourceArray", spike_times=Ragged.from_list([[1.0]]))))
    with pytest.raises(CapabilityError, match=r"1\.0 ms .* one time step later"):
        session.advance(1)
