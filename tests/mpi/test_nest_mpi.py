"""NEST under a real mpirun: with MPI, the scenarios on 1, 2 and 3 ranks; without, what a user is told."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pyNN.nest.versions import has_mpi

Run = Callable[..., subprocess.CompletedProcess[str]]
SCENARIOS = Path(__file__).parents[1] / "scenarios"
with_mpi = pytest.mark.skipif(not has_mpi(), reason="the NEST that is installed has no MPI (docs/nest-mpi.md)")
without_mpi = pytest.mark.skipif(has_mpi(), reason="the NEST that is installed has MPI")
FILES = (
    "compat", "connecting", "current_sources", "network_object", "populations", "procedural", "projections",
    "pynn_scripts", "recording", "renewal_sources_in_networks", "running", "spike_sources_in_networks",
    "synapse_recording", "traps_environment", "traps_interface", "traps_plasticity",
)  # fmt: skip
OF_ONE_PROCESS = (
    # rank, number of ranks, and what an object says of them
    "test_getters", "test_setup_begins_anew", "test_the_block_says_what_it_is",
    # local cells: iteration, is_local(), local_size, all() of views
    "test_a_cell_has_its_parameters_as_attributes", "test_views_by_slice_mask_list_and_tuple",
    "test_views_of_assemblies_keep_the_cells_and_their_ids",
    # a rank's own connections: len(), indices, gather=False, make() of a connector
    "test_lists", "test_indexing_and_iteration", "test_connections_are_the_same_on_every_backend",
    "test_an_unknown_name_is_one_error_everywhere", "test_documented_connectors_work",
    "test_cells_lists_and_assemblies_may_be_connected", "test_a_single_presynaptic_cell",
    "test_a_shared_generator_gives_independent_values", "test_views_and_assemblies_count_within_themselves",
    "test_an_assembly_has_what_a_population_has", "test_templates_of_descriptions_find_what_pynn_gives_them",
    # gather=False of an old script, and lists of one value a connection, which need one process
    "test_an_old_network_is_the_modern_network", "test_short_term_plasticity",
    # setup() gives the rank
    "test_setup_takes_the_old_options",
    # a warning of those ranks that have such connections
    "test_delays_are_rounded_to_the_grid_with_a_warning",
    # a connector that does not look at request.is_local
    "test_a_connector_of_ones_own",
)  # fmt: skip
"""Scenarios that are about what differs between the ranks by intention."""
NOT_UNDER_MPI = {
    "agreement": "compares two simulators in one process; test_results_are_those_of_the_serial_adapter does that here",
    "checkpoints": "NEST has no checkpoints",
    "compare": "each test starts processes of its own, in which mpirun must not be inherited",
    "conformance": "asks a session without the common layer, which is for one process",
    "examples": "each test starts processes of its own",
    "sonata": "chooses its backends itself, and several within one test",
    "synapse_views": "a view has connections of one rank; test_mpi_selected_synapses.py has several ranks",
    "traps_table": "is about the documentation",
}
"""Files of scenarios that are not run on ranks, and why."""


def test_every_file_of_scenarios_is_run_or_has_a_reason() -> None:
    there = {file.stem.removeprefix("test_") for file in SCENARIOS.glob("test_*.py")}
    assert there == {*FILES, *NOT_UNDER_MPI} and not set(FILES) & set(NOT_UNDER_MPI)


@with_mpi
@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("file", FILES)
def test_scenarios(mpirun: Run, file: str, ranks: int) -> None:
    left_out = " and ".join(f"not {name}" for name in OF_ONE_PROCESS) if ranks > 1 else ""
    chosen = ["-k", left_out] if left_out else []
    done = mpirun(ranks, "scenarios.py", "nest", "-q", *chosen, SCENARIOS / f"test_{file}.py", timeout=300.0)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert " passed" in done.stdout and " failed" not in done.stdout


@with_mpi
@pytest.mark.parametrize(("ranks", "threads"), [(1, 2), (2, 1), (3, 1), (2, 2)])
def test_results_are_those_of_the_serial_adapter(mpirun: Run, ranks: int, threads: int) -> None:
    """Spikes and signals to 7 digits: inputs of one step are added in another order."""
    script = Path(__file__).parent / "scripts" / "nest_network.py"
    serial = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert serial.returncode == 0, serial.stderr
    done = mpirun(ranks, script.name, threads)
    assert done.returncode == 0, done.stderr
    expected, found = (json.loads(text.strip().splitlines()[-1]) for text in (serial.stdout, done.stdout))
    assert expected["current count"] > 100
    assert found == expected


@with_mpi
def test_an_exception_of_one_rank_ends_all(mpirun: Run) -> None:
    done = mpirun(2, "nest_failure.py", timeout=60.0)
    assert done.returncode != 0
    assert done.stderr.count("ValueError: only rank 1 says this") == 1 and "Rank 1 of 2 ends the job" in done.stderr


@with_mpi
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_a_state_that_is_not_finite_is_reported_on_all_ranks(mpirun: Run, ranks: int) -> None:
    done = mpirun(ranks, "nest_not_finite.py", timeout=60.0, PYNN_CORE_MPI_TIMEOUT="20")
    assert done.returncode == 0, done.stderr
    for rank in range(ranks):
        # Twice: a further run reports it again.
        assert done.stdout.count(f"rank {rank} at 23 ms: 'v' of cell 7 of cells became nan between 3 and 23 ms") == 2
    assert done.stdout.count("wrong: [7], after a reset all is well: True") == ranks


@with_mpi
@pytest.mark.skipif(importlib.util.find_spec("pynestml") is None, reason="NESTML is not installed")
def test_cells_from_equations_are_the_same_on_any_number_of_ranks(mpirun: Run) -> None:
    """The module is compiled once, by whichever rank comes first, and loaded by all."""
    found = set()
    for ranks in (2, 1, 3):
        done = mpirun(ranks, "nest_nestml.py")
        assert done.returncode == 0, done.stderr[-3000:]
        found.add(next(line for line in done.stdout.splitlines() if " spikes " in line))
    assert len(found) == 1 and int(found.pop().split()[0]) > 20


@without_mpi
def test_without_mpi_the_way_to_it_is_shown_once(mpirun: Run) -> None:
    """NEST's wheel would end each process with exit status 127 and no word of ours."""
    done = mpirun(2, "nest_network.py")
    assert done.returncode not in (0, 127)
    assert done.stderr.count("CapabilityError: This process was started by mpirun") == 1
    assert "-Ccmake.define.with-mpi=ON" in done.stderr and "libopenmpi-dev" in done.stderr
