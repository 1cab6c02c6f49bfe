"""Whatever happens to one rank ends the job on all, soon and with one message that says what it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SCRIPT = Path(__file__).parent / "scripts" / "failures.py"
LIMIT_SECONDS = 2
PROMISED_SECONDS = 10.0


def failed(mpirun: Run, case: str, ranks: int = 3) -> tuple[str, float]:
    """What a failing job has printed on standard error, and the seconds from the failure to the end."""
    run = mpirun(ranks, "failures.py", case, PYNN_CORE_MPI_TIMEOUT=str(LIMIT_SECONDS))
    assert run.returncode != 0
    assert "spikes:" not in run.stdout
    began = [json.loads(line)["failing at"] for line in run.stdout.splitlines() if line.startswith("{")]
    return run.stderr, time.time() - max(began)


def test_nothing_fails(mpirun: Run) -> None:
    run = mpirun(3, "failures.py", "none", PYNN_CORE_MPI_TIMEOUT="20")
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("spikes:") == 1


@pytest.mark.parametrize(
    ("case", "message", "rank"),
    [
        ("exception", "ValueError: rank 1 does not like this", 1),
        ("everywhere", "IF_curr_exp has no parameter 'tau_n'", 0),
        ("interrupt", "KeyboardInterrupt", 1),
        ("early", "Rank 1 came to the end of the script without it", None),
        ("times", "Ranks are to run to different times: 10 and 12 ms", 0),
    ],
)
def test_an_exception_ends_the_job_with_one_traceback(mpirun: Run, case: str, message: str, rank: int | None) -> None:
    errors, seconds = failed(mpirun, case)
    assert errors.count(message) == 1
    assert errors.count("Traceback (most recent call last)") == 1
    assert "failures.py" in errors
    if rank is not None:
        assert f"Rank {rank} of 3 ends the job" in errors
    assert seconds < PROMISED_SECONDS


@pytest.mark.parametrize("case", ["kill", "terminate"])
def test_a_rank_that_is_killed_ends_the_job(mpirun: Run, case: str) -> None:
    _, seconds = failed(mpirun, case)
    assert seconds < PROMISED_SECONDS


def common_report(mpirun: Run, case: str) -> str:
    """Where three ranks say that they have stopped, which is the same for all."""
    run = mpirun(3, "failures.py", case)
    assert run.returncode == 0, run.stderr
    reports = [line for line in run.stdout.splitlines() if line.startswith("stopped at")]
    assert len(reports) == 3
    assert len(set(reports)) == 1
    return reports[0]


def test_an_interrupt_of_one_rank_stops_all_after_the_same_step(mpirun: Run) -> None:
    assert common_report(mpirun, "stopped").endswith("with 130 cells")


def test_interrupts_at_any_moment_stop_all_after_the_same_step(mpirun: Run) -> None:
    assert len(json.loads(common_report(mpirun, "stopped often").removeprefix("stopped at"))) == 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_the_launcher_end_the_job(mpirun_command: list[str], number: int) -> None:
    command = [*mpirun_command, "-n", "2", sys.executable, str(SCRIPT), "long"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("{"):
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(PROMISED_SECONDS) != 0


def test_the_watchdog_names_the_operation_and_the_ranks_that_are_missing(mpirun: Run) -> None:
    errors, seconds = failed(mpirun, "left out")
    assert "'begin of a run' (failures.py, line" in errors
    assert "Missing, and in no other common operation: rank 1." in errors
    assert seconds < LIMIT_SECONDS + PROMISED_SECONDS


def test_the_watchdog_says_who_waits_where(mpirun: Run) -> None:
    errors, _ = failed(mpirun, "apart")
    assert "Waiting elsewhere: rank" in errors
    assert "look for a call within an `if` on the rank" in errors


def test_what_one_rank_cannot_do_all_ranks_learn(mpirun: Run) -> None:
    run = mpirun(3, "failures.py", "caught")
    assert run.returncode == 0, run.stderr
    assert sorted(line for line in run.stdout.splitlines() if "InvalidDelayError" in line) == [
        f"rank {rank}: InvalidDelayError" for rank in range(3)
    ]
    assert run.stdout.count("spikes:") == 1


def test_a_state_that_is_not_finite_is_reported_on_all_ranks(mpirun: Run) -> None:
    run = mpirun(3, "failures.py", "not finite")
    assert run.returncode == 0, run.stderr
    reports = [line for line in run.stdout.splitlines() if "SimulatorError" in line]
    assert len(reports) == 3
    assert all("of cell 129 of population0 became" in report for report in reports)
