"""Recording: what cells do during a run, as Neo objects and in files."""

from pyNN.recording import files
from pyNN.recording.helpers import (
    MPI_ROOT,
    DataCache,
    Variable,
    filter_by_variables,
    gather_array,
    gather_blocks,
    gather_dict,
    get_mpi_comm,
    mpi_sum,
    remove_duplicate_spiketrains,
    rename_existing,
    safe_makedirs,
)
from pyNN.recording.output import file_format, get_io, write_block, write_blocks
from pyNN.recording.recorder import (
    AssemblyPart,
    RecordedPopulation,
    Recorder,
    RecordingContext,
    assembly_block,
)
from pyNN.recording.stream_reader import read_block, read_blocks
from pyNN.recording.synapses import RecordedProjection, SynapseRecorder

__all__ = [
    "MPI_ROOT",
    "AssemblyPart",
    "DataCache",
    "RecordedPopulation",
    "RecordedProjection",
    "Recorder",
    "RecordingContext",
    "SynapseRecorder",
    "Variable",
    "assembly_block",
    "file_format",
    "files",
    "filter_by_variables",
    "gather_array",
    "gather_blocks",
    "gather_dict",
    "get_io",
    "get_mpi_comm",
    "mpi_sum",
    "read_block",
    "read_blocks",
    "remove_duplicate_spiketrains",
    "rename_existing",
    "safe_makedirs",
    "write_block",
    "write_blocks",
]
