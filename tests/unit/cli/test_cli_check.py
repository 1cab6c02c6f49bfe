"""What `pynn check` finds in networks made by hand."""

import numpy as np
import pytest

from pyNN.cli.check import CheckResult, inspect, memory_mb
from pyNN.specs import ConnectionTable, CurrentSpec, NetworkSpec, PopulationSpec, ProjectionSpec, RecordingSpec
from pyNN.standardmodels.cells import IF_cond_exp, IF_curr_delta, IF_curr_exp, SpikeSourcePoisson
from pyNN.standardmodels.electrodes import DCSource
from pyNN.standardmodels.synapses import StaticSynapse


def population(number, cell_class, size=10, first_id=0, label=None, **changes):
    values = {**{name: p.default for name, p in cell_class.parameters.items() if not p.is_array}, **changes}
    states = {name: state.initial for name, state in cell_class.definition.states.items()}
    return PopulationSpec(number, label or f"cells{number}", cell_class.definition, size, first_id, values, states)


def projection(pre, post, weight, receptor="excitatory", delay_steps=10, pairs=((0, 0), (1, 2))):
    i, j = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    table = ConnectionTable(i, j, delay_steps, {"weight": weight})
    ids = [np.arange(p.first_id, p.first_id + p.size) for p in (pre, post)]
    return ProjectionSpec(0, f"{pre.label}→{post.label}", ids[0], ids[1], receptor, StaticSynapse.definition, table)


def network(cell_class=IF_cond_exp, weight=0.01, receptor="excitatory", delay_steps=10, **changes):
    """A sound network: a source, ten recorded cells and two connections."""
    source = population(0, SpikeSourcePoisson, size=5, label="source")
    cells = population(1, cell_class, first_id=5, label="cells", **changes)
    recording = RecordingSpec(0, 1, "spikes", np.arange(10))
    return NetworkSpec([source, cells], [projection(source, cells, weight, receptor, delay_steps)], [], [recording])


def messages(found):
    return [f"{finding.level} {finding.where}: {finding.message}" for finding in found.findings]


def look(net, min_delay_steps=None, steps=1000):
    return inspect(net, 0.1, steps, min_delay_steps)


def test_a_sound_network_has_no_findings():
    result = look(network())
    assert messages(result) == []
    assert (result.facts["cells"], result.facts["sources"], result.facts["connections"]) == (10, 5, 2)
    assert result.facts["duration_ms"] == 100.0


@pytest.mark.parametrize(
    ("cell_class", "receptor", "weight"),
    [(IF_cond_exp, "inhibitory", -0.01), (IF_cond_exp, "excitatory", -0.01), (IF_curr_exp, "inhibitory", 0.1)],
)
def test_weights_of_the_wrong_sign(cell_class, receptor, weight):
    result = look(network(cell_class, np.array([weight, -weight]), receptor))
    assert result.has_errors
    assert "1 of 2 weights have the wrong sign" in messages(result)[0]
    assert f"{weight:g}" in messages(result)[0]


@pytest.mark.parametrize(
    ("cell_class", "receptor", "weight", "looks_like"),
    [
        (IF_cond_exp, "excitatory", 4.0, "4 uS look like nS: 4 nS would be 0.004 uS"),
        (IF_cond_exp, "excitatory", 4e-9, "4e-09 uS look like S: 4e-09 S would be 0.004 uS"),
        (IF_curr_exp, "excitatory", 87.8, "87.8 nA look like pA: 87.8 pA would be 0.0878 nA"),
        (IF_curr_exp, "inhibitory", -350.0, "350 nA look like pA"),
        (IF_curr_delta, "excitatory", 200.0, "200 mV look like uV"),
    ],
)
def test_weights_that_look_like_another_unit(cell_class, receptor, weight, looks_like):
    (message,) = messages(look(network(cell_class, weight, receptor)))
    assert looks_like in message
    assert message.startswith("warning source→cells: Weights of")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cm": 200.0}, "cm, 200 nF look like pF: 200 pF would be 0.2 nF"),
        ({"cm": 2e-10}, "look like F: 2e-10 F would be 0.2 nF"),
        ({"i_offset": 500.0}, "i_offset, 500 nA look like pA"),
        (
            {"tau_m": 0.02},
            "tau_m = 0.02 ms is shorter than the time step, 0.1 ms. Time constants are in ms; 0.02 s would be 20 ms",
        ),
        ({"v_rest": -6.5e4}, "v_rest, 65000 mV look like uV"),
        ({"v_reset": -40.0}, "v_reset is not below v_thresh"),
    ],
)
def test_parameters_that_look_like_another_unit(changes, expected):
    (message,) = messages(look(network(**changes)))
    assert expected in message


def test_potentials_in_volts():
    volts = {"v_rest": -0.065, "v_reset": -0.065, "v_thresh": -0.05, "e_rev_E": 0.0, "e_rev_I": -0.07}
    found = messages(look(network(**volts)))
    assert len(found) == 4
    assert any("v_rest, 0.065 mV look like V: 0.065 V would be 65 mV" in message for message in found)


def test_potentials_relative_to_rest_are_no_mistake():
    assert messages(look(network(v_rest=0.0, v_reset=0.0, v_thresh=20.0, e_rev_E=70.0, e_rev_I=0.0))) == []


def test_plain_cells_of_either_kind_raise_no_warning():
    assert messages(look(network(IF_curr_exp, 0.0878))) == []
    assert messages(look(network(IF_curr_exp, -0.35, "inhibitory"))) == []
    assert messages(look(network(IF_curr_delta, 0.1))) == []


def test_delays_under_min_delay():
    (message,) = messages(look(network(delay_steps=np.array([3, 10], dtype=np.int32)), min_delay_steps=5))
    assert message.startswith("error source→cells: 1 of 2 delays are under min_delay = 0.5 ms")


def test_delays_in_microseconds():
    (message,) = messages(look(network(delay_steps=15000)))
    assert "Delays of 1500 ms look like us" in message


def test_a_projection_without_connections_and_cells_that_nothing_reaches():
    net = network()
    net.projections = [projection(net.populations[0], net.populations[1], 0.01, pairs=())]
    found = messages(look(net))
    assert "warning source→cells: The projection has no connections." in found
    assert "warning source: No cell gets its spikes: the population is never connected." in found
    assert "warning cells: The population is never connected, and gets no current." in found


def test_cells_with_a_current_are_not_unconnected():
    net = network()
    net.projections = []
    net.currents = [CurrentSpec(0, DCSource.definition, {"amplitude": 1.0}, np.array([7]))]
    assert not any("gets no current" in message for message in messages(look(net)))


def test_populations_that_are_not_recorded():
    net = network()
    other = population(2, IF_cond_exp, first_id=15, label="others")
    net.populations.append(other)
    net.projections.append(projection(net.populations[0], other, 0.01))
    assert messages(look(net)) == ["warning others: The population is never recorded."]
    net.recordings = []
    assert messages(look(net)) == ["warning script: Nothing is recorded, so the simulation would leave no data."]


def test_a_script_that_never_runs():
    assert messages(look(network(), steps=0)) == [
        "warning script: run() is never called, so nothing would be simulated."
    ]


def test_memory_grows_with_cells_connections_and_samples():
    small, sampled = network(), network()
    sampled.recordings.append(RecordingSpec(1, 1, "v", np.arange(10), every_steps=2))
    for backend in ("reference", "nest"):
        per_sample = (memory_mb(sampled, 10**6, backend) - memory_mb(small, 10**6, backend)) * 2**20 / (10 * 500_001)
        # At least the number itself, 8 bytes; at most what a recorder with times and senders stores.
        assert 7.9 < per_sample < 100


def test_results_pass_through_a_file_and_show_the_scripts_own_failure(tmp_path):
    result = look(network(weight=4.0))
    result.facts.update(error="ValueError: no", warnings=[{"category": "RoundingWarning", "message": "0.17 ms is off"}])
    result.save(tmp_path / "mock.json")
    loaded = CheckResult.load(tmp_path / "mock.json")
    assert loaded == result
    assert [finding.message for finding in loaded.findings][:2] == ["ValueError: no", "0.17 ms is off"]
    assert loaded.has_errors
