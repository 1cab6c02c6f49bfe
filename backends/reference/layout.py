"""Where compiled code finds things: the fields of the integer records that describe a group, a route, a recording.

An address is that of an array's first element. Arrays stay alive, and where they are, as long as the engine's records
refer to them.
"""

# A group of cells or of sources.
SIZE = 0
SLOTS = 1  # of the ring, a power of two
RECEPTORS = 2
STATES = 3
STATE_ADDRESS = 4  # float64 (states, size)
REFRACTORY_ADDRESS = 5  # float64 (size,): updates for which a cell is still held
RING_ADDRESS = 6  # float64 (slots, receptors, size): sums of weights that arrive at step s, in slot s mod slots
INJECTED_ADDRESS = 7  # float64 (size,)
COEFFICIENTS = 8
COEFFICIENT_ADDRESS = 9  # float64 (coefficients,) or (coefficients, size)
FLAG_ADDRESS = 10  # int64 (size,)
SCRATCH_ADDRESS = 11  # float64 (states, size)
SPIKE_STEP_ADDRESS = 12  # int64: spikes of the present interval (cells) or chunk (sources)
SPIKE_CELL_ADDRESS = 13
SPIKE_COUNT = 14
CURSOR = 15  # first spike that has not been delivered
KERNEL_ADDRESS = 16  # 0: a group of sources
CURRENTS = 17
CURRENT_ADDRESS = 18  # int64 (currents, CURRENT_FIELDS)
SIGNAL_START = 19  # step of the first value of all signals
RECORDINGS = 20
RECORDING_ADDRESS = 21  # int64 (recordings, RECORDING_FIELDS)
LOG_STEP_ADDRESS = 22  # int64: spikes for the recordings
LOG_CELL_ADDRESS = 23
LOG_COUNT = 24
LOG_CAPACITY = 25  # 0: nobody records spikes
GROUP_FIELDS = 26

# A current into a group.
SIGNAL_ADDRESS = 0  # float64
TARGETS = 1
TARGET_ADDRESS = 2  # int64
CURRENT_FIELDS = 3

# A recording of a state.
STATE_ROW = 0
RECORDED = 1
RECORDED_ADDRESS = 2  # int64 cells
DATA_ADDRESS = 3  # float64 (samples, recorded)
SAMPLES = 4  # there already
NEXT_STEP = 5  # of the next sample
EVERY = 6
RECORDING_FIELDS = 7

# A route.
SOURCE = 0  # row of the source group
TARGET = 1
RECEPTOR = 2
START_ADDRESS = 3  # int64
POST_ADDRESS = 4  # int32
WEIGHT_ADDRESS = 5  # float64
WEIGHT_STRIDE = 6  # 0: one weight for all
DELAY_ADDRESS = 7  # int32
DELAY_STRIDE = 8
ROUTE_FIELDS = 9

# What the driver keeps.
STEP = 0
TARGET_STEP = 1
INTERVAL = 2
CONTROL_FIELDS = 3
