"""`pynn warmup`: compiles before the first simulation what the standard models and connectors need.

It makes small networks with the backend that compiles and runs them for a step, so that what is stored is exactly what
networks ask for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.compilation import Unit, cache, load

Job = Callable[[], None]


@dataclass(frozen=True)
class Warmed:
    """What a warm-up has done."""

    folder: Path | None
    """Where kernels are kept; None if nowhere on disk."""
    files: int
    """Kernels there, those from before included."""
    new_files: int
    megabytes: float
    seconds: float
    failures: dict[str, str]
    """What could not be compiled, with the reason."""

    def __str__(self) -> str:
        if self.folder is None:
            return "There is no folder that can be written, so kernels are compiled anew by every process."
        what = f"{self.new_files} new kernels" if self.new_files else "No new kernels"
        return f"{what} in {self.seconds:.0f} s; {self.files} kernels, {self.megabytes:.1f} MB, in {self.folder}"


def stored_kernels() -> tuple[int, float]:
    """(number, MB) of the kernels on disk."""
    folder = cache.folder()
    sizes = [] if folder is None else [path.stat().st_size for path in folder.glob("*.o")]
    return len(sizes), sum(sizes) / 2**20


def warm_up(names: Sequence[str] = (), progress: Callable[[int, int, str], None] | None = None) -> Warmed:
    """Fill the cache; `names`: only the jobs whose names contain one of these. `progress` gets (done, total, name)."""
    began, before = time.perf_counter(), stored_kernels()[0]
    chosen = {name: job for name, job in jobs() if not names or any(wanted in name for wanted in names)}
    failures: dict[str, str] = {}
    # Threads wait for the compiling processes, of which there is one a processor.
    with ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1)) as pool:
        waiting = {pool.submit(job): name for name, job in chosen.items()}
        for done, future in enumerate(as_completed(waiting), 1):
            name, error = waiting[future], future.exception()
            if error is not None:
                failures[name] = f"{type(error).__name__}: {error}"
            if progress is not None:
                progress(done, len(chosen), name)
    number, megabytes = stored_kernels()
    return Warmed(cache.folder(), number, number - before, megabytes, time.perf_counter() - began, failures)


def jobs() -> Iterator[tuple[str, Job]]:
    """A small network for each standard cell type, with equal and with different cells, synapse type and connector."""
    for name in cell_types():
        for different in (False, True):
            yield f"{name}{', cells that differ' if different else ''}", _cell_job(name, different)
    for name, make in _synapses():
        for different in (False, True):
            yield f"{name}{', values that differ' if different else ''}", _synapse_job(make, different)
    for name, connect in _connectors():
        yield name, connect
    yield "ElectricalSynapse", _gap_junctions
    yield "rows of many targets", _wide_rows
    yield "spike sources", _sources
    for number, unit in enumerate(_tables(), 1):
        yield f"{unit.name} ({number})", partial(_load, unit)


def _open() -> Any:
    from pyNN.compat import Script
    from pyNN.reference.backend import ReferenceBackend

    script = Script(ReferenceBackend())
    script.setup(timestep=0.1)
    return script


def _advance(script: Any, steps: int) -> None:
    # Not by run(), which would show its own progress.
    script.simulation.session.advance(steps)


def cell_types() -> list[str]:
    """Names of the standard cell types whose kernels are compiled."""
    from pyNN.standardmodels import cells

    return [
        name
        for name in _open().list_standard_models()
        if getattr(cells, name).definition.equations and not getattr(cells, name).definition.source
        and name != "PointNeuron"
    ]  # fmt: skip


def _cell_job(name: str, different: bool) -> Job:
    def run() -> None:
        from pyNN.connectors import AllToAllConnector
        from pyNN.standardmodels import cells
        from pyNN.standardmodels.synapses import StaticSynapse

        script, model = _open(), getattr(cells, name)
        values: dict[str, Any] = {}
        if different:
            for parameter, declared in model.definition.parameters.items():
                default = model.default_parameters[parameter]
                if np.ndim(default) == 0 and declared.unit:
                    values = {parameter: [float(default), float(default) * (1 + 1e-6) + 1e-9]}
                    break
        population = script.Population(2, model(**values))
        population.record("spikes")
        for receptor, declared_receptor in model.definition.receptors.items():
            weight = 0.0 if declared_receptor.sign >= 0 else -0.0
            synapse = StaticSynapse(weight=weight, delay=0.1)
            script.Projection(population, population, AllToAllConnector(), synapse, receptor_type=receptor)
        _advance(script, 1)

    return run


def _synapses() -> Iterator[tuple[str, Callable[[], Any]]]:
    from pyNN.standardmodels import synapses as s

    additive = s.AdditiveWeightDependence
    dependences = {
        "AdditiveWeightDependence": lambda: additive(w_max=0.01),
        "MultiplicativeWeightDependence": lambda: s.MultiplicativeWeightDependence(w_max=0.01),
        "AdditivePotentiationMultiplicativeDepression": lambda: s.AdditivePotentiationMultiplicativeDepression(
            w_max=0.01
        ),
        "GutigWeightDependence": lambda: s.GutigWeightDependence(w_max=0.01),
    }
    yield "StaticSynapse", lambda: s.StaticSynapse()
    for name in (
        "TsodyksMarkramSynapse", "SimpleStochasticSynapse", "StochasticTsodyksMarkramSynapse", "MultiQuantalSynapse",
    ):  # fmt: skip
        yield name, getattr(s, name)
    for name, dependence in dependences.items():
        yield f"SpikePairRule, {name}", partial(_pair_rule, dependence)
    yield "Vogels2011Rule", lambda: s.STDPMechanism(s.Vogels2011Rule(), additive(w_max=0.01))


def _pair_rule(dependence: Callable[[], Any]) -> Any:
    from pyNN.standardmodels.synapses import SpikePairRule, STDPMechanism

    return STDPMechanism(SpikePairRule(), dependence())


def _synapse_job(make: Callable[[], Any], different: bool) -> Job:
    def run() -> None:
        from pyNN.connectors import AllToAllConnector
        from pyNN.standardmodels import cells

        script = _open()
        source = script.Population(3, cells.SpikeSourceArray(spike_times=[0.1, 0.4]))
        target = script.Population(3, cells.IF_curr_exp())
        synapse = make()
        values = [0.001, 0.0011, 0.0012] * 3 if different else [0.001] * 9
        delays = [0.1, 0.2, 0.3] * 3 if different else [0.1] * 9
        synapse.parameter_space.update(weight=np.reshape(values, (3, 3)), delay=np.reshape(delays, (3, 3)))
        script.Projection(source, target, AllToAllConnector(), synapse, receptor_type="excitatory")
        _advance(script, 10)

    return run


def _connectors() -> Iterator[tuple[str, Job]]:
    from pyNN import connectors as c

    made: dict[str, Callable[[], Any]] = {
        "FixedProbabilityConnector": lambda: c.FixedProbabilityConnector(0.5),
        "FixedNumberPreConnector": lambda: c.FixedNumberPreConnector(3),
        "FixedNumberPostConnector": lambda: c.FixedNumberPostConnector(3),
        "FixedTotalNumberConnector": lambda: c.FixedTotalNumberConnector(7),
        "DistanceDependentProbabilityConnector": lambda: c.DistanceDependentProbabilityConnector("exp(-d)"),
        "OneToOneConnector": lambda: c.OneToOneConnector(),
        "SmallWorldConnector": lambda: c.SmallWorldConnector(degree=2, rewiring=0.2),
        "FromListConnector": lambda: c.FromListConnector([(0, 1, 0.001, 0.2), (1, 0, 0.002, 0.1)]),
    }
    for name, connector in made.items():
        yield name, partial(_connect, connector)


def _connect(make: Callable[[], Any], size: int = 10) -> None:
    from pyNN.random import RandomDistribution
    from pyNN.standardmodels import cells
    from pyNN.standardmodels.electrodes import DCSource
    from pyNN.standardmodels.synapses import StaticSynapse

    script = _open()
    population, connector = script.Population(size, cells.IF_curr_exp()), make()
    weight = RandomDistribution("uniform", low=0.001, high=0.002)
    for synapse in (StaticSynapse(weight=0.001, delay=0.1), StaticSynapse(weight=weight, delay=0.1)):
        projection = script.Projection(population, population, connector, synapse, receptor_type="excitatory")
    DCSource(amplitude=0.1).inject_into(population)
    _advance(script, 1)
    projection.get("weight", format="array")


def _gap_junctions() -> None:
    from pyNN.connectors import OneToOneConnector
    from pyNN.standardmodels import cells
    from pyNN.standardmodels.synapses import ElectricalSynapse

    script = _open()
    population = script.Population(3, cells.IF_curr_exp())
    script.Projection(population, population, OneToOneConnector(), ElectricalSynapse(weight=0.0001))
    _advance(script, 1)


def _wide_rows() -> None:
    """Target populations too large for narrow indices, delays too long for narrow ones."""
    from pyNN.connectors import FromListConnector
    from pyNN.standardmodels import cells
    from pyNN.standardmodels.synapses import StaticSynapse

    script = _open()
    source = script.Population(2, cells.SpikeSourceArray(spike_times=[0.1]))
    for size in (3, 70_000):
        target = script.Population(size, cells.IF_curr_exp())
        for delays in ((0.1, 0.2), (0.1, 40.0), (0.1, 0.1)):
            for weights in ((0.001, 0.002), (0.001, 0.001)):
                rows = [(0, 1, weights[0], delays[0]), (1, 2, weights[1], delays[1])]
                script.Projection(
                    source, target, FromListConnector(rows), StaticSynapse(), receptor_type="excitatory"
                )
    _advance(script, 3)


def _load(unit: Unit) -> None:
    load(unit)


def _tables() -> list[Unit]:
    from pyNN.reference import compiled

    return compiled.tables()


def _sources() -> None:
    from pyNN.connectors import OneToOneConnector
    from pyNN.standardmodels import cells
    from pyNN.standardmodels.synapses import StaticSynapse

    script = _open()
    target = script.Population(2, cells.IF_curr_exp())
    for source in (
        cells.SpikeSourcePoisson(rate=20_000.0),
        cells.SpikeSourcePoisson(rate=[5.0, 20_000.0]),
        cells.SpikeSourceGamma(),
        cells.SpikeSourcePoissonRefractory(),
    ):
        population = script.Population(2, source)
        synapse = StaticSynapse(weight=0.001, delay=0.1)
        script.Projection(population, target, OneToOneConnector(), synapse, receptor_type="excitatory")
    _advance(script, 3)
