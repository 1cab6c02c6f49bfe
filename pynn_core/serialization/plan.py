"""Simulations described by a SONATA simulation configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pyNN.errors import CapabilityError, FileFormatError, InvalidModelError, InvalidParameterValueError, RecordingError
from pyNN.network import Network
from pyNN.parameters import Sequence
from pyNN.serialization.container import load_config, located
from pyNN.serialization.nodesets import Nodes, nodes_of, read_node_sets, select
from pyNN.serialization.results import SonataIO, read_spikes

_EVERYWHERE = "all"


class SimulationPlan:
    """What a simulation configuration says: how long to run, the input, the output.

    `run`: "tstop" and "dt" (ms). `inputs`: spike trains for virtual nodes ("input_type": "spikes", "module": "h5",
    "input_file", "node_set") and constant currents ("current_clamp", "IClamp", "amp" in nA, "delay" and "duration" in
    ms). `reports`: variables to record, as in SonataIO. `conditions`: "v_init" (mV). `output`: "output_dir",
    "spikes_file", "spikes_sort_order", "overwrite_output_dir". Settings of cells with compartments (celsius, dL,
    spike_threshold) have no meaning for points. `additional_sections`: "pynn" has further arguments for setup().
    """

    def __init__(
        self,
        run: dict[str, Any],
        inputs: dict[str, Any] | None = None,
        output: dict[str, Any] | None = None,
        reports: dict[str, Any] | None = None,
        target_simulator: str | None = None,
        node_sets_file: Any = None,
        conditions: dict[str, Any] | None = None,
        manifest: dict[str, Any] | None = None,
        **additional_sections: Any,
    ) -> None:
        self.run = dict(run)
        self.inputs = dict(inputs or {})
        self.output = dict(output or {})
        self.reports = dict(reports or {})
        self.target_simulator = target_simulator
        self.node_sets_file = node_sets_file
        self.conditions = dict(conditions or {})
        self.manifest = dict(manifest or {})
        self.additional_sections = additional_sections
        self.config_file = Path("simulation_config.json")
        self.tstop, self.dt = (_time(self.run, name) for name in ("tstop", "dt"))
        if self.run.get("tstart", 0.0) != 0.0:
            raise CapabilityError(f"tstart = {self.run['tstart']} ms is not possible: a simulation begins at 0 ms.")
        self._sim: Any = None

    @classmethod
    def from_config(cls, config: Any, config_file: Any = None) -> SimulationPlan:
        """From the sections of a configuration; relative paths start at the folder of `config_file`."""
        sections = dict(config)
        if not isinstance(sections.get("run"), dict):
            raise FileFormatError(
                f"'{config_file or 'the configuration'}' is not a simulation configuration: it has no section 'run'."
            )
        for name in ("inputs", "output", "reports", "conditions"):
            if not isinstance(sections.get(name) or {}, dict):
                raise FileFormatError(
                    f"'{config_file or 'the configuration'}': the section '{name}' must be an object."
                )
        plan = cls(**sections)
        if config_file is not None:
            plan.config_file = Path(config_file)
        return plan

    def setup(self, sim: Any) -> None:
        """Set up the backend `sim` with the plan's time step."""
        options = self.additional_sections.get("pynn", {})
        if not isinstance(options, dict):
            raise FileFormatError(
                f"'{self.config_file}': the section 'pynn' must be an object with arguments of setup()."
            )
        sim.setup(timestep=self.dt, **options)
        self._sim = sim

    def execute(self, net: Network) -> None:
        """Run the network and write spikes and reports into the output folder.

        Inputs, reports and node sets are checked before anything runs.
        """
        if self._sim is None:
            raise InvalidParameterValueError(
                "Call setup(sim) of the plan before the network is made, then execute(net)."
            )
        if not isinstance(net, Network):
            raise InvalidModelError(f"execute() takes a network, as import_from_sonata() gives it, not {net!r}.")
        nodes = nodes_of(net)
        sets: dict[str, Any] = {}
        if self.node_sets_file:
            sets = read_node_sets(located(self.config_file, self.node_sets_file, "node_sets_file"))
        inputs = [self._input(name, spec, sets, nodes) for name, spec in self.inputs.items()]
        reports = {name: self._checked_report(name, spec, sets, nodes) for name, spec in self.reports.items()}
        io = self._output(sets, [spec.get("file_name", f"{name}.h5") for name, spec in reports.items()])
        self._apply_conditions(nodes)
        for apply in inputs:
            apply()
        simulated = [own.cells for own in nodes.values() if not _is_source(own.cells)]
        for cells in simulated:
            cells.record("spikes")
        for spec in reports.values():
            for population, positions in select(spec.get("cells", list(nodes)), sets, nodes).items():
                cells = nodes[population].cells[positions]
                cells.record(spec["variable_name"], sampling_interval=spec.get("dt"))
        self._sim.run(self.tstop)
        blocks = [cells.get_data() for cells in simulated]
        io.report_config = reports
        io.write_data(blocks, nodes)

    def _output(self, sets: dict[str, Any], files: list[str]) -> SonataIO:
        folder = located(self.config_file, self.output.get("output_dir", "."), "output_dir")
        spikes = self.output.get("spikes_file", "spikes.h5")
        there = [name for name in [spikes, *files] if (folder / name).exists()]
        if self.output.get("overwrite_output_dir") is False and there:
            raise FileFormatError(
                f"'{folder}' has the file {there[0]} already, and overwrite_output_dir is false. Choose another "
                "output_dir, or say true."
            )
        return SonataIO(folder, spikes, self.output.get("spikes_sort_order"), {}, sets)

    def _apply_conditions(self, nodes: dict[str, Nodes]) -> None:
        if self.conditions.get("v_init") is None:
            return
        for own in nodes.values():
            for population in own.cells._roots():
                if "v" in population.definition.states:
                    population.initialize(v=float(self.conditions["v_init"]))

    def _input(self, name: str, spec: Any, sets: dict[str, Any], nodes: dict[str, Nodes]) -> Any:
        """A function that applies one input."""
        if not isinstance(spec, dict):
            raise FileFormatError(f"The input '{name}' must be an object with an input_type, not {spec!r}.")
        kind, module = spec.get("input_type"), spec.get("module")
        if "node_set" not in spec:
            raise FileFormatError(f"The input '{name}' has no node_set.")
        everyone = spec["node_set"] == _EVERYWHERE and _EVERYWHERE not in sets
        chosen = select(list(nodes) if everyone else spec["node_set"], sets, nodes)
        if (kind, module) in (("spikes", "h5"), ("spikes", "sonata")):
            return self._spike_input(name, spec, chosen, nodes)
        if (kind, module) == ("current_clamp", "IClamp"):
            return self._current_input(name, spec, chosen, nodes)
        raise CapabilityError(
            f"The input '{name}' (input_type '{kind}', module '{module}') is not possible. Possible: spikes from h5, "
            "and current_clamp with IClamp and the keys amp, delay and duration."
        )

    def _spike_input(self, name: str, spec: dict[str, Any], chosen: dict[str, Any], nodes: dict[str, Nodes]) -> Any:
        spikes = read_spikes(located(self.config_file, spec.get("input_file"), f"input_file of the input '{name}'"))
        changes = []
        for population, positions in chosen.items():
            own = nodes[population]
            for root in own.cells._roots():
                if root.definition.source != "array":
                    raise CapabilityError(
                        f"The input '{name}' gives spikes to '{population}', whose cells are {root.definition.name}. "
                        "Nodes that play spikes have model_type virtual."
                    )
            if population not in spikes and "" not in spikes:
                raise FileFormatError(
                    f"The input '{name}': the spike file has no population '{population}'. It has: {', '.join(spikes)}."
                )
            times, ids = spikes.get(population, spikes.get(""))  # type: ignore[misc]
            order = np.lexsort((times, ids))
            times, ids = times[order], ids[order]
            wanted = own.ids[positions]
            first, last = np.searchsorted(ids, wanted, "left"), np.searchsorted(ids, wanted, "right")
            trains = [Sequence(times[a:b]) for a, b in zip(first, last, strict=True)]
            changes.append((own.cells[positions], trains))

        def apply() -> None:
            for cells, trains in changes:
                cells.set(spike_times=trains)

        return apply

    def _current_input(self, name: str, spec: dict[str, Any], chosen: dict[str, Any], nodes: dict[str, Nodes]) -> Any:
        missing = [key for key in ("amp", "delay", "duration") if not isinstance(spec.get(key), (int, float))]
        if missing:
            raise FileFormatError(f"The input '{name}': {missing[0]} must be a number, not {spec.get(missing[0])!r}.")

        def apply() -> None:
            for population, positions in chosen.items():
                source = self._sim.DCSource(
                    amplitude=float(spec["amp"]), start=float(spec["delay"]),
                    stop=float(spec["delay"]) + float(spec["duration"]),
                )
                source.inject_into(nodes[population].cells[positions])

        return apply

    def _checked_report(self, name: str, spec: Any, sets: dict[str, Any], nodes: dict[str, Nodes]) -> dict[str, Any]:
        if not isinstance(spec, dict) or not isinstance(spec.get("variable_name"), str):
            raise FileFormatError(f"The report '{name}' has no variable_name.")
        report = {key: value for key, value in spec.items() if value is not None}
        if report.get("cells") == _EVERYWHERE and _EVERYWHERE not in sets:
            del report["cells"]
        for population, positions in select(report.get("cells", list(nodes)), sets, nodes).items():
            cells = nodes[population].cells[positions]
            if not cells.can_record(report["variable_name"]):
                first = cells._roots()[0]
                raise RecordingError(report["variable_name"], first.definition.name, first.celltype.recordable)
        return report


def _is_source(cells: Any) -> bool:
    return all(population.definition.source for population in cells._roots())


def _time(run: dict[str, Any], name: str) -> float:
    value = run.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise FileFormatError(f"The section 'run' of a simulation configuration needs {name} in ms, not {value!r}.")
    return float(value)


def load_sonata_simulation_plan(config_file: Any) -> SimulationPlan:
    """The plan in a SONATA simulation configuration; see SimulationPlan.

    ``plan.setup(sim)``, ``net = import_from_sonata(circuit_config, sim)``, ``plan.execute(net)``.
    """
    return SimulationPlan.from_config(load_config(config_file), config_file)
