"""Checkpoints of runs: signals, scripts that are resumed, processes that are killed at any moment, random networks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyNN.reference as sim
from pyNN.checkpoint.container import read
from pyNN.errors import CheckpointWarning
from pyNN.random import RandomDistribution

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))
"""How many times as many examples as usual."""

SCRIPT = '''
import os, signal, sys, warnings
import numpy as np
import pyNN.reference as sim

backend, out, plan = sys.argv[1:4]
options = dict(item.split("=") for item in sys.argv[4:])
sim.setup(timestep=0.1, threads=int(options.get("threads", 1)))
cells = sim.Population(40, sim.IF_cond_exp(tau_refrac=2.0))
source = sim.Population(40, sim.SpikeSourcePoisson(rate=300.0))
stdp = sim.STDPMechanism(
    timing_dependence=sim.SpikePairRule(), weight_dependence=sim.AdditiveWeightDependence(w_max=0.02),
    weight=0.008, delay=1.0)
wires = sim.Projection(source, cells, sim.FixedProbabilityConnector(float(options.get("p", 0.5))), stdp)
cells.record("spikes")
at = float(options.get("at", -1))

def kill(name):
    number = getattr(signal, name)
    return lambda t: os.kill(os.getpid(), number) or 1e9 if t >= at > 0 else at if at > 0 else 1e9

class Drive:
    """A callback with a state of its own."""
    count = 0
    def __call__(self, t):
        self.count += 1
        source.set(rate=300.0 + 20.0 * self.count)
        return t + 7.3
    def state_dict(self):
        return {"count": self.count}
    def load_state_dict(self, state):
        self.count = state["count"]

found = []
if plan == "plain":
    sim.run(60.0, callbacks=[kill(options.get("signal", "SIGTERM"))])
elif plan == "pieces":
    sim.run(20.0)
    found.append(cells.get_spike_counts()[cells[0]])
    source.set(rate=500.0)
    wires.set(weight=0.01)
    sim.run(15.0)
    sim.reset(annotations={"k": 1})
    sim.run(10.0)
    found.append(len(cells.get_data().segments))
    source[:10].set(rate=100.0)
    sim.run_until(40.0, callbacks=[kill("SIGTERM"), Drive()])
    sim.run(5.0)
elif plan == "reads":
    sim.run(10.0)
    found.append(wires.get("weight", "list"))
    sim.run(20.0, callbacks=[kill("SIGTERM")])
elif plan == "twice":
    for k in range(2):
        sim.run(12.0)
        cells.write_data(out + f".{k}.pkl", clear=True) if k == 0 else None
elif plan == "own":
    if os.path.exists(out + ".h5"):
        sim.restore_state(out + ".h5")
    sim.run_until(60.0, checkpoint=out + ".h5", every=0.001)
segments = cells.get_data().segments
found += [np.asarray(t.magnitude) for s in segments for t in s.spiketrains]
found.append(np.array(wires.get("weight", "list")))
np.savez(out, *found)
'''


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    return file


def pynn(*arguments: Any, code: int = 0) -> str:
    """Run `pynn run` and return what it writes to stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "pyNN", "run", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stderr
    return done.stderr


def results(file: Path) -> list[Any]:
    with np.load(file.with_suffix(".npz")) as stored:
        return [stored[name] for name in stored.files]


def assert_same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


# --- signals and `pynn run` ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plan", "at"), [("plain", 23.4), ("pieces", 33.0)])
def test_sigterm_saves_and_ends_and_the_script_can_be_resumed(script: Path, plan: str, at: float) -> None:
    folder = script.parent
    pynn(script, "reference", folder / "all", plan)
    said = pynn(
        "--checkpoint", folder / "state.h5", script, "reference", folder / "cut", plan, f"at={at}",
        code=128 + signal.SIGTERM,
    )  # fmt: skip
    assert "Stopped by SIGTERM at" in said and "--resume" in said
    assert not (folder / "cut.npz").exists()
    reached = read(folder / "state.h5")["clock"]["time_ms"]
    assert reached == at
    # The callback that sends the signal has done so; without its argument it is one that does nothing.
    pynn("--resume", folder / "state.h5", script, "reference", folder / "cut", plan, "threads=2")
    assert_same(results(folder / "cut"), results(folder / "all"))


def test_sigusr1_saves_and_goes_on(script: Path) -> None:
    folder = script.parent
    pynn(script, "reference", folder / "all", "plain")
    said = pynn(
        "--checkpoint", folder / "state.h5", script, "reference", folder / "on", "plain", "at=20.0", "signal=SIGUSR1"
    )
    assert "SIGUSR1: the state at" in said
    assert_same(results(folder / "on"), results(folder / "all"))
    assert read(folder / "state.h5")["clock"]["time_ms"] == 60.0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("plain", "p=0.4"), "is of another network: who connects to whom"),
        (("twice",), "The script runs from 0 to 12 ms .*, where before the checkpoint .* it ran from 0 to 60 ms"),
        (("other",), "ended before it came to the checkpoint"),
    ],
)
def test_another_script_is_not_resumed(script: Path, arguments: tuple[str, ...], sentence: str) -> None:
    import re

    folder = script.parent
    state = folder / "state.h5"
    pynn("--checkpoint", state, script, "reference", folder / "cut", "plain", "at=20", code=143)
    said = pynn("--resume", state, script, "reference", folder / "cut", *arguments, code=1)
    assert re.search(sentence, said), said


def test_values_of_a_time_that_is_skipped_are_refused(script: Path) -> None:
    folder = script.parent
    state = folder / "state.h5"
    pynn("--checkpoint", state, script, "reference", folder / "cut", "reads", "at=20", code=143)
    said = pynn("--resume", state, script, "reference", folder / "cut", "reads", code=1)
    assert "at 10 ms, a time that is skipped" in said
    assert 'found.append(wires.get("weight", "list"))' in said


def test_a_last_run_can_be_made_longer(tmp_path: Path) -> None:
    text = "import sys; import pyNN.reference as sim; import numpy as np\nsim.setup()\n"
    text += "p = sim.Population(5, sim.SpikeSourcePoisson(rate=300.0)); p.record('spikes')\n"
    text += "sim.run(float(sys.argv[3]))\n"
    text += "np.savez(sys.argv[2], *[np.asarray(t.magnitude) for t in p.get_data().segments[0].spiketrains])\n"
    file = tmp_path / "script.py"
    file.write_text(text)
    pynn("--checkpoint", tmp_path / "state.h5", file, "reference", tmp_path / "short", 50.0)
    pynn(file, "reference", tmp_path / "all", 80.0)
    pynn("--resume", tmp_path / "state.h5", file, "reference", tmp_path / "longer", 80.0)
    assert_same(results(tmp_path / "longer"), results(tmp_path / "all"))


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--every", "3"), 2, "--every needs --checkpoint"),
        (("--resume", "none.h5"), 2, "does not exist"),
    ],
)
def test_wrong_options(script: Path, options: tuple[str, ...], code: int, sentence: str) -> None:
    assert sentence in pynn(*options, script, "reference", "out", "plain", code=code)


def test_nest_refuses_before_the_script_begins(script: Path) -> None:
    said = pynn("--checkpoint", script.parent / "state.h5", script, "nest", "out", "plain", code=1)
    assert "The backend 'nest' cannot save or restore" in said


# --- while it runs ---------------------------------------------------------------------------------------------------


def small(rate: float = 300.0) -> Any:
    sim.setup(timestep=0.1)
    source = sim.Population(5, sim.SpikeSourcePoisson(rate=rate))
    source.record("spikes")
    return source


def test_a_checkpoint_is_written_every_so_often_and_at_the_end(tmp_path: Path) -> None:
    small()
    path = tmp_path / "state.h5"
    seen = []

    def look(t: float) -> float:
        if path.exists():
            seen.append(read(path)["clock"]["time_ms"])
        return t + 5.0

    sim.run(50.0, callbacks=[look], checkpoint=path, every=1e-6)
    # Written at the end of each piece, before the callback is called.
    assert seen == [5.0 * k for k in range(1, 11)]
    assert read(path)["clock"]["time_ms"] == 50.0
    before = path.stat().st_mtime_ns
    sim.run(5.0)
    assert path.stat().st_mtime_ns == before


def test_a_full_disk_is_a_warning_and_the_old_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small()
    path = tmp_path / "state.h5"
    sim.run(10.0, checkpoint=path)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(CheckpointWarning, match="No space left on device. The one before is still there"):
        sim.run(10.0, checkpoint=path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["state.h5"]
    assert sum(len(train) for train in source.get_data().segments[0].spiketrains) > 10
    with pytest.raises(OSError, match="No space left"):
        sim.save_state(path)


def test_handlers_of_signals_are_given_back(tmp_path: Path) -> None:
    small()
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)]
    sim.run(1.0, checkpoint=tmp_path / "state.h5")
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)] == before


def test_a_state_saved_in_a_callback_can_be_restored_but_not_resumed(tmp_path: Path, script: Path) -> None:
    def build() -> Any:
        return small()

    def save(t: float) -> float:
        if t == 10.0:
            sim.save_state(tmp_path / "state.h5")
        return t + 10.0

    source = build()
    sim.run(30.0, callbacks=[save])
    expected = [np.asarray(t.magnitude) for t in source.get_data().segments[0].spiketrains]
    source = build()
    sim.restore_state(tmp_path / "state.h5")
    assert sim.get_current_time() == 10.0
    sim.run_until(30.0)
    assert_same([np.asarray(t.magnitude) for t in source.get_data().segments[0].spiketrains], expected)
    said = pynn("--resume", tmp_path / "state.h5", script, "reference", tmp_path / "out", "plain", code=1)
    assert "save_state() in a callback, which cannot be resumed" in said


# --- kill -9 ---------------------------------------------------------------------------------------------------------

KILLED = '''
import os, signal, sys, time
import numpy as np
sys.argv = ["script", "reference", sys.argv[1], "none", "p=0.5"]
exec(open(sys.argv[2] + ".script").read().split("found = []")[0])
out = sys.argv[2]
draw = np.random.default_rng(int(os.environ["SEED"]))
kills = written = half = 0
sim.script.simulation.session
while True:
    child = os.fork()
    if child == 0:
        if os.path.exists(out + ".h5"):
            sim.restore_state(out + ".h5")
        for end in np.arange(1.0, 401.0):
            if end > sim.get_current_time():
                sim.run_until(end, checkpoint=out + ".h5", every=1e-6)
        np.savez(out, *[np.asarray(t.magnitude) for t in cells.get_data().segments[0].spiketrains],
                 np.array(wires.get("weight", "list")))
        os._exit(0)
    if kills == 20:
        print("kills", kills, "half-written", half, flush=True)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    time.sleep(draw.uniform(0.02, 0.25))
    os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        print("too early", kills)
        os._exit(3)
    kills += 1
    half += any(name.endswith(".part") for name in os.listdir(os.path.dirname(out)))
    if os.path.exists(out + ".h5"):
        from pyNN.checkpoint.container import read
        read(out + ".h5")
'''


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be copied here")
def test_a_run_that_is_killed_at_twenty_random_moments_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "out.script").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(out)], capture_output=True, text=True, timeout=170,
        env={**os.environ, "SEED": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("kills 20")
    namespace: dict[str, Any] = {"__name__": "script"}
    before = sys.argv
    sys.argv = ["script", "reference", "-", "none", "p=0.5"]
    try:
        exec(SCRIPT.split("found = []")[0], namespace)
    finally:
        sys.argv = before
    sim.run(400.0)
    expected = [np.asarray(t.magnitude) for t in namespace["cells"].get_data().segments[0].spiketrains]
    assert sum(map(len, expected)) > 1000
    assert_same(results(out), [*expected, np.array(namespace["wires"].get("weight", "list"))])
    # What the last killed process left is gone, as a later one wrote the file again.
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.h5", "out.npz", "out.script"]


def test_a_script_that_looks_for_its_own_checkpoint_survives_kill_9(script: Path) -> None:
    out = script.parent / "own"
    command = [sys.executable, "-W", "ignore", str(script), "reference", str(out), "own"]
    process = subprocess.Popen(command)
    while not out.with_suffix(".h5").exists() and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.wait()
    subprocess.run(command, check=True, timeout=120)
    pynn(script, "reference", script.parent / "all", "plain")
    assert_same(results(out), results(script.parent / "all"))


# --- random networks -------------------------------------------------------------------------------------------------


def plastic() -> Any:
    return sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(tau_plus=15.0, tau_minus=20.0, A_plus=0.02, A_minus=0.02),
        weight_dependence=sim.MultiplicativeWeightDependence(w_min=0.0, w_max=0.02),
        weight=RandomDistribution("uniform", low=0.002, high=0.01),
        delay=RandomDistribution("uniform", low=0.1, high=2.5),
    )


SYNAPSES = {
    "static": lambda: sim.StaticSynapse(weight=0.006, delay=RandomDistribution("uniform", low=0.1, high=3.0)),
    "stdp": plastic,
    "one delay": lambda: sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(), weight_dependence=sim.AdditiveWeightDependence(w_max=0.02),
        weight=0.006, delay=0.7, dendritic_delay_fraction=0.5,
    ),
    "vogels": lambda: sim.STDPMechanism(
        timing_dependence=sim.Vogels2011Rule(eta=1e-3, rho=0.05),
        weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=0.03), weight=0.004, delay=0.4,
    ),
    "depressing": lambda: sim.TsodyksMarkramSynapse(U=0.4, tau_rec=80.0, weight=0.01, delay=1.1),
    "stochastic": lambda: sim.StochasticTsodyksMarkramSynapse(U=0.4, weight=0.01, delay=0.3),
    "quantal": lambda: sim.MultiQuantalSynapse(n=3, U=0.4, weight=0.005, delay=0.9),
    "gap": lambda: sim.ElectricalSynapse(weight=0.0007),
}  # fmt: skip
CELLS = {
    "IF_cond_exp": {}, "EIF_cond_exp_isfa_ista": {}, "HH_cond_exp": {}, "IF_cond_alpha": {"tau_refrac": 3.0},
}  # fmt: skip
RATES = st.sampled_from([0.0, 80.0, 900.0, 1500.0, 20000.0])


@settings(
    max_examples=12 * FACTOR, deadline=None, suppress_health_check=list(HealthCheck), derandomize=FACTOR == 1
)
@given(
    kinds=st.lists(st.sampled_from(sorted(SYNAPSES)), min_size=1, max_size=3),
    cell=st.sampled_from(sorted(CELLS)),
    sizes=st.tuples(st.integers(1, 90), st.integers(1, 20)),
    rate=RATES,
    seed=st.integers(0, 1000),
    steps=st.integers(1, 400),
    cut=st.floats(0.0, 1.0),
    threads=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    changed=st.booleans(),
)
def test_a_random_network_goes_on_from_a_random_step(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[str],
    cell: str,
    sizes: tuple[int, int],
    rate: float,
    seed: int,
    steps: int,
    cut: float,
    threads: tuple[int, int],
    changed: bool,
) -> None:
    path = tmp_path_factory.mktemp("random") / "state.h5"
    first = round(cut * steps)

    def build(number: int) -> tuple[Any, Any, list[Any]]:
        sim.setup(timestep=0.1, rng_seed=seed, threads=number)
        cells = sim.Population(sizes[0], getattr(sim, cell)(**CELLS[cell]))
        source = sim.Population(sizes[1], sim.SpikeSourcePoisson(rate=rate))
        sim.Projection(
            source, cells, sim.FixedProbabilityConnector(0.5), sim.StaticSynapse(weight=0.02 if rate < 2e4 else 5e-4)
        )
        wires = []
        for kind in kinds:
            pre = cells if kind == "gap" or sizes[0] > 10 else source
            wires.append(sim.Projection(pre, cells, sim.FixedProbabilityConnector(0.3), SYNAPSES[kind]()))
        noise = sim.NoisyCurrentSource(mean=0.2, stdev=0.5, stop=1e3, dt=0.3)
        noise.inject_into(cells)
        cells.record(["spikes", "v"])
        return cells, source, wires

    def change(source: Any) -> None:
        if changed:
            source.set(rate=0.6 * rate + 30.0)

    def data(cells: Any, wires: list[Any]) -> list[Any]:
        segment = cells.get_data().segments[0]
        found = [np.asarray(train.magnitude) for train in segment.spiketrains]
        found.append(np.asarray(segment.analogsignals[0].magnitude))
        return [*found, *(np.array(wire.get("weight", "list")) for wire in wires)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells, source, wires = build(threads[0])
        sim.run(0.1 * first)
        change(source)
        sim.save_state(path)
        sim.run(0.1 * (steps - first))
        expected = data(cells, wires)
        cells, source, wires = build(threads[1])
        sim.restore_state(path)
        sim.run(0.1 * (steps - first))
    assert_same(data(cells, wires), expected)
