"""One model on several simulators in processes of their own."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import queue
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.mock
import pyNN.nest
import pyNN.reference
from pyNN.errors import InvalidModelError, InvalidParameterValueError, SimulatorError
from pyNN.multisim import MultiSim, run_simulation

PARAMETERS = {"n": 3, "current": 0.9}


@pytest.fixture
def Driven(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The model, in a module that the other processes find: they get this process's sys.path."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("multisim_model").Driven


def test_both_simulators_run_side_by_side_and_give_the_same_spikes(Driven: Any) -> None:
    """Both have exact propagators for this model and the same connections, so the times are the same steps."""
    with MultiSim([pyNN.reference, pyNN.nest], Driven, PARAMETERS) as net:
        assert len({process.pid for process in net} | {os.getpid()}) == 3
        calls: list[dict[str, float]] = []
        net.run(100.0, 2, lambda: calls.append(net.present()))
        assert calls == [
            {"pyNN.reference": 50.0, "pyNN.nest": 50.0},
            {"pyNN.reference": 100.0, "pyNN.nest": 100.0},
        ]
        spikes = net.spikes()
        assert net.present(factor=2.0) == {"pyNN.reference": 200.0, "pyNN.nest": 200.0}
        assert net.size() == {"pyNN.reference": 4, "pyNN.nest": 4}
    assert sum(len(train) for train in spikes["pyNN.reference"]) >= 3
    for ours, nests in zip(spikes["pyNN.reference"], spikes["pyNN.nest"], strict=True):
        np.testing.assert_allclose(ours, nests, atol=1e-9)


def test_an_error_in_one_is_shown_with_its_traceback_and_the_others_go_on(Driven: Any) -> None:
    with MultiSim([pyNN.reference, pyNN.mock], Driven, PARAMETERS) as net:
        with pytest.raises(SimulatorError, match=r"(?s)pyNN.mock: fail\(\).*in fail.*no answer from pyNN.mock"):
            net.fail("pyNN.mock")
        assert net.fail("nobody") == {"pyNN.reference": "fine", "pyNN.mock": "fine"}
        with pytest.raises(SimulatorError, match="unpicklable"):
            net.unpicklable()
        with pytest.raises(SimulatorError, match="arguments cannot be sent"):
            net.present(lambda: None)
        with pytest.raises(SimulatorError, match="has no attribute 'nothing'"):
            net.nothing()
        assert net.present() == {"pyNN.reference": 0.0, "pyNN.mock": 0.0}


def test_a_process_that_dies_is_reported_at_once(Driven: Any) -> None:
    started = time.monotonic()
    net = MultiSim([pyNN.reference, pyNN.mock], Driven, PARAMETERS)
    processes = list(net)
    with pytest.raises(SimulatorError, match="pyNN.mock: the process was killed by signal 9"):
        net.die("pyNN.mock")
    with pytest.raises(SimulatorError, match="pyNN.mock"):
        net.run(1.0)
    with pytest.raises(SimulatorError, match="pyNN.mock"):
        net.end()
    assert not any(process.is_alive() for process in processes)
    # Two interpreters have started in that time, nothing was waited for: a hang would be the 10 s of a join or more.
    assert time.monotonic() - started < 60.0


def test_a_model_that_cannot_be_built_leaves_no_process_behind(Driven: Any) -> None:
    with pytest.raises(SimulatorError, match="(?s)pyNN.mock: .*could not be built.*broken on purpose"):
        MultiSim([pyNN.reference, pyNN.mock], Driven, {**PARAMETERS, "broken": "pyNN.mock"})
    assert [p for p in multiprocessing.active_children() if p.name.startswith("MultiSim")] == []


def test_what_is_no_simulator_or_model_is_refused(Driven: Any) -> None:
    with pytest.raises(InvalidParameterValueError, match="one or more different backends"):
        MultiSim([], Driven, PARAMETERS)
    with pytest.raises(InvalidParameterValueError, match="one or more different backends"):
        MultiSim([pyNN.mock, pyNN.mock], Driven, PARAMETERS)
    with pytest.raises(InvalidParameterValueError, match="backend's module"):
        MultiSim([3], Driven, PARAMETERS)
    with pytest.raises(InvalidModelError, match="takes \\(sim, parameters\\)"):
        MultiSim([pyNN.mock], None, PARAMETERS)  # type: ignore[arg-type]
    with pytest.raises(InvalidModelError, match="top level of a module"):
        MultiSim([pyNN.mock], lambda sim, parameters: None, PARAMETERS)


def test_after_the_end_there_is_nothing_to_call(Driven: Any) -> None:
    net = MultiSim(["pyNN.mock"], Driven, PARAMETERS)
    with pytest.raises(InvalidParameterValueError, match="steps"):
        net.run(1.0, 0)
    with pytest.raises(InvalidParameterValueError, match="callbacks"):
        net.run(1.0, 1, 3)  # type: ignore[arg-type]
    net.end()
    net.end()
    assert list(net) == []
    with pytest.raises(SimulatorError, match="have ended"):
        net.present()


def test_a_model_is_served_through_queues_too(Driven: Any) -> None:
    """The form that PyNN's own MultiSim uses, here in this process."""
    incoming: Any = queue.Queue()
    outgoing: Any = queue.Queue()
    messages: Any = (("network", "present", (), {}), ("sim", "run", (2.0,), {}), ("network", "present", (3.0,), {}))
    for message in messages:
        incoming.put(message)
    incoming.put("stop")
    run_simulation(Driven, pyNN.mock, PARAMETERS, incoming, outgoing)
    assert [outgoing.get() for _ in range(4)] == [(True, None), (True, 0.0), (True, None), (True, 6.0)]
