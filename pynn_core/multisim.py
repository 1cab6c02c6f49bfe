"""One network model on several simulators at once, each in a process of its own.

Give a class that builds the network, and the backends; calls are broadcast and answered by simulator::

    class Model:
        def __init__(self, sim, parameters):
            sim.setup(timestep=0.1)
            self.cells = sim.Population(parameters["n"], sim.IF_cond_exp())

        def mean_count(self):
            return self.cells.mean_spike_count()

    if __name__ == "__main__":
        with MultiSim([pyNN.reference, pyNN.nest], Model, {"n": 100}) as net:
            net.run(1000.0)
            print(net.mean_count())      # {"pyNN.reference": 7.3, "pyNN.nest": 7.3}
"""

from __future__ import annotations

import importlib
import multiprocessing
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from pyNN.errors import InvalidModelError, InvalidParameterValueError, SimulatorError

__all__ = ["MultiSim", "run_simulation"]

_STOP = "stop"
_SECONDS_TO_END = 10.0


class MultiSim:
    """A network model on several simulators, each in its own process.

    `sim_list`: backend modules, or their names ("pyNN.nest"). `network_model`: a class or function that is called with
    (module, parameters) in each process; as each process imports it, it must be defined at the top level of a module,
    and a script must start its work under ``if __name__ == "__main__":``. `parameters` is handed on.

    Every other attribute is one of the model: a method is called in all processes at the same time, and the results are
    a dictionary by the module's name. An error in a process is raised here as SimulatorError, with its traceback, after
    all have answered; the other processes, and the one with the error, stay usable until end().
    """

    def __init__(self, sim_list: Iterable[Any], network_model: Callable[..., Any], parameters: Any) -> None:
        self._workers: dict[str, _Worker] = {}
        names = [_module_name(sim) for sim in sim_list]
        if not names or len(set(names)) != len(names):
            raise InvalidParameterValueError(
                f"sim_list takes one or more different backends such as [pyNN.reference, pyNN.nest], not {names}."
            )
        if not callable(network_model):
            raise InvalidModelError(
                "network_model is a class or function that takes (sim, parameters) and builds the network, not "
                f"{network_model!r}."
            )
        try:
            for name in names:
                self._workers[name] = _Worker(name, network_model, parameters)
            self._answers()
        except BaseException:
            self._terminate()
            raise

    def __iter__(self) -> Iterator[BaseProcess]:
        """The processes."""
        return iter([worker.process for worker in self._workers.values()])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def broadcast(*args: Any, **kwargs: Any) -> dict[str, Any]:
            return self._broadcast("network", name, args, kwargs)

        broadcast.__name__ = name
        return broadcast

    def run(self, simtime: float, steps: int = 1, *callbacks: Callable[[], Any]) -> None:
        """Run all simulations for `simtime` ms, in `steps` equal pieces; each callback is called after each piece."""
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise InvalidParameterValueError(f"steps is a whole number of at least 1, not {steps!r}.")
        for callback in callbacks:
            if not callable(callback):
                raise InvalidParameterValueError(f"callbacks are functions without arguments, not {callback!r}.")
        for _ in range(steps):
            self._broadcast("sim", "run", (simtime / steps,), {})
            for callback in callbacks:
                callback()

    def end(self) -> None:
        """End all simulations (which writes the files that record(to_file=) asked for) and their processes."""
        if not self._workers:
            return
        try:
            self._broadcast("sim", "end", (), {})
        finally:
            self._stop()

    def __enter__(self) -> MultiSim:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.end()
        else:
            self._stop()

    def _broadcast(self, target: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if not self._workers:
            raise SimulatorError(f"{name}(): these simulations have ended. Make a new MultiSim.")
        for worker in self._workers.values():
            worker.send((target, name, args, dict(kwargs)))
        return self._answers()

    def _answers(self) -> dict[str, Any]:
        """What all processes answer; all have answered, or are dead, before the first error is raised."""
        answers: dict[str, Any] = {}
        errors = []
        for name, worker in self._workers.items():
            succeeded, answer = worker.receive()
            if succeeded:
                answers[name] = answer
            else:
                errors.append(f"{name}: {answer}")
        if errors:
            raise SimulatorError("\n".join(errors))
        return answers

    def _stop(self) -> None:
        """Let the processes end by themselves; one that does not is ended."""
        for worker in self._workers.values():
            worker.send(_STOP)
        for worker in self._workers.values():
            worker.process.join(_SECONDS_TO_END)
        self._terminate()

    def _terminate(self) -> None:
        for worker in self._workers.values():
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join()
            worker.connection.close()
        self._workers = {}


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, name: str, network_model: Callable[..., Any], parameters: Any) -> None:
        # A fresh interpreter: a copy of this one would share a simulator with global state, threads and open files.
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(network_model, name, parameters, theirs), name=f"MultiSim {name}", daemon=True
        )
        self._unsent = ""
        try:
            self.process.start()
        except Exception as error:
            self.connection.close()
            raise InvalidModelError(
                "The network model and its parameters are sent to other processes, so they must be importable there: "
                "define the model at the top level of a module, not within a function or as a lambda, and give "
                f"parameters that can be pickled ({type(error).__name__}: {error})."
            ) from error
        finally:
            # Our copy of their end is closed, so that the end of the process is the end of the pipe.
            theirs.close()

    def send(self, message: Any) -> None:
        self._unsent = ""
        try:
            self.connection.send(message)
        except OSError:
            # The process is dead, which receive() reports with the reason.
            self._unsent = "It was dead already."
        except Exception as error:
            self._unsent = f"The arguments cannot be sent to another process: {type(error).__name__}: {error}"

    def receive(self) -> tuple[bool, Any]:
        """(True, the answer) or (False, the text of an error). Returns at once if the process dies."""
        if self._unsent and self.process.is_alive():
            return False, self._unsent
        ready = wait([self.connection, self.process.sentinel])
        try:
            # An answer may be in the pipe of a process that has died since.
            if self.connection in ready or self.connection.poll():
                answer: tuple[bool, Any] = self.connection.recv()
                return answer
        except (EOFError, OSError):
            # The pipe is closed, which is what a dead process leaves.
            pass
        self.process.join(_SECONDS_TO_END)
        code = self.process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        return False, (
            f"the process {how}, without an answer. What it printed says why; a script that uses MultiSim must start "
            'its work under `if __name__ == "__main__":`.'
        )


def _serve(network_model: Callable[..., Any], name: str, parameters: Any, connection: Connection) -> None:
    """What a process does: build the network, then answer calls until it is told to stop."""
    try:
        sim = importlib.import_module(name)
        network = network_model(sim, parameters)
    except BaseException:
        connection.send((False, f"the network model could not be built:\n{traceback.format_exc()}"))
        return
    connection.send((True, None))
    while True:
        try:
            message = connection.recv()
        except EOFError:
            # The script has ended without end().
            return
        if message == _STOP:
            return
        _answer({"network": network, "sim": sim}, message, connection)


def _answer(targets: Mapping[str, Any], message: Any, connection: Connection) -> None:
    target, name, args, kwargs = message
    try:
        found = getattr(targets[target], name)
        result = found(*args, **kwargs) if callable(found) else found
        if target == "sim":
            # The script reads the results of the model's methods; run() and end() have none worth sending.
            result = None
        connection.send((True, result))
    except Exception:
        # Also for a result that cannot be pickled, of which nothing has been sent.
        connection.send((False, f"{name}() failed:\n{traceback.format_exc()}"))


def run_simulation(
    network_model: Callable[..., Any], sim: Any, parameters: Any, input_queue: Any, output_queue: Any
) -> None:
    """Build a network and answer calls from queues: (target, name, args, kwargs) in, (succeeded, result) out.

    The target is "network" or "sim"; the text "stop" ends it. For front ends that bring their own processes.
    """
    _serve(network_model, _module_name(sim), parameters, _Queues(input_queue, output_queue))  # type: ignore[arg-type]


class _Queues:
    """Two queues that look like one end of a pipe."""

    def __init__(self, incoming: Any, outgoing: Any) -> None:
        self.recv = incoming.get
        self.send = outgoing.put


def _module_name(sim: Any) -> str:
    name = sim.__name__ if isinstance(sim, ModuleType) else sim
    if not isinstance(name, str) or not name:
        raise InvalidParameterValueError(
            f"A simulator is a backend's module, as imported by `import pyNN.nest as sim`, not {sim!r}."
        )
    return name
