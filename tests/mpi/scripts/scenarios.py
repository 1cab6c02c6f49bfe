"""Tests of one backend on several ranks, each of which runs all of them.

    mpirun -n RANKS python scenarios.py BACKEND [arguments of pytest]

The tests are written for one process. So here every rank gets what rank 0 alone gets of common results, and has rank
0's temporary folder. What fails on one rank ends the job, because the others would wait for it.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyNN.parallel import MPICommunicator, default_communicator

BACKEND = sys.argv[1]
comm = default_communicator()


class OnRanks:
    """Makes pytest run the same tests at the same time on all ranks."""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        def chosen(item: pytest.Item) -> bool:
            parameters = getattr(item, "callspec", None)
            return parameters is not None and parameters.params.get("sim") == BACKEND

        config.hook.pytest_deselected(items=[item for item in items if not chosen(item)])
        items[:] = [item for item in items if chosen(item)]

    @pytest.fixture
    def tmp_path(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        yield comm.broadcast(tmp_path_factory.mktemp("shared"))
        comm.barrier("end of a test")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        everyone = comm.allgather(item.nodeid, "begin of a test")
        if len(set(everyone)) > 1:
            self.end(item.nodeid, f"The ranks are at different tests: {everyone}")
        if "PROGRESS" in os.environ and comm.rank == 0:
            with open(os.environ["PROGRESS"], "a") as file:
                print(item.nodeid, file=file)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report = yield
        if report.failed and comm.size > 1:
            text = "".join(traceback.format_exception(call.excinfo.value)) if call.excinfo else report.longreprtext
            self.end(item.nodeid, text)
        return report

    def end(self, name: str, text: str) -> None:
        assert isinstance(comm, MPICommunicator)
        comm.abort(lambda: print(f"FAILED on rank {comm.rank}: {name}\n{text}", file=sys.stderr))


if isinstance(comm, MPICommunicator):
    MPICommunicator.gather = MPICommunicator.allgather
quiet = [] if comm.rank == 0 else ["--no-summary", "-qq"]
arguments = ["-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", *quiet, *sys.argv[2:]]
sys.exit(pytest.main(arguments, plugins=[OnRanks()]))
