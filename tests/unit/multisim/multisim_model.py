"""The network model that test_multisim.py sends to other processes, which import it by this module's name."""

from __future__ import annotations

import os
import signal
from typing import Any


class Driven:
    """Cells driven by a current, one of which inhibits the others; an error or a death on demand."""

    size = 4

    def __init__(self, sim: Any, parameters: dict[str, Any]) -> None:
        if parameters.get("broken") == sim.__name__:
            raise ValueError("the model is broken on purpose")
        self.sim = sim
        sim.setup(timestep=0.1)
        self.cells = sim.Population(parameters["n"], sim.IF_curr_exp(i_offset=parameters["current"]))
        sim.Projection(
            self.cells[:1], self.cells[1:], sim.AllToAllConnector(), sim.StaticSynapse(weight=-0.5, delay=1.0),
            receptor_type="inhibitory",
        )
        self.cells.record("spikes")

    def spikes(self) -> list[Any]:
        return [train.magnitude for train in self.cells.get_data().segments[0].spiketrains]

    def present(self, factor: float = 1.0) -> float:
        return factor * self.sim.get_current_time()

    def fail(self, where: str) -> str:
        if self.sim.__name__ == where:
            raise RuntimeError(f"no answer from {where}")
        return "fine"

    def die(self, where: str) -> int:
        if self.sim.__name__ == where:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    def unpicklable(self) -> Any:
        return lambda: None
