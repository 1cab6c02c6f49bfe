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
REFRACTORY_ADDRESS = 5  # int32 (size,): updates for which a cell is still held
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
COUPLED_ADDRESS = 26  # float64 (3, size): gap junction currents mid-step, now and a step ago; 0: none
COUPLED_FRESH = 27  # 1: there is no step before
RANDOM_KEY = 28  # of the cells' random numbers, the bits of a uint64
FIRST_CELL = 29  # of the cells of a slice
LAST_CELL = 30  # the first that it does not
COUNT_ADDRESS = 31  # uint32 (COUNT_ROWS, size): spikes of sources that are counted; 0: they are not
WORD_ADDRESS = 32  # uint32 (4, cells of a slice): random numbers
WORD_BLOCK = 33  # the four steps that they are for
LIMIT_ADDRESS = 34  # int64 (rows, limits); see pyNN.spike_sources.CountedPoissonSource
LIMIT_ROWS = 35
LIMITS = 36
LIMIT_ROW_ADDRESS = 37  # int32 (size,)
COUNT_KERNEL = 38
GROUP_TIME = 39  # ns that updates took, if they are measured
FIRST_OWNER = 40  # MPI rank that has the first cells; the following ranks have the following cells
WRONG_STEP = 41  # end of the first update after which a state was not finite; 0: there was none
WRONG_STATE = 42  # row of the first state that was not
WRONG_CELL = 43
WRONG_SIGN = 44  # 1: infinite, -1: minus infinity, 0: no number
WRONG_CELLS = 45  # how many cells had such states then
UPDATE_ADDRESS = 46  # the update of a step of the cell type, which the kernel calls
# Where an update finds what has arrived: that of receptor r, cell c and step s is the number
# (s mod INPUT_SLOTS) * SLOT_STRIDE + r * RECEPTOR_STRIDE + c. It is the ring, if the input comes
# neither from bundles nor from bins.
INPUT_ADDRESS = 47  # float64
INPUT_SLOTS = 48  # a power of two
SLOT_STRIDE = 49
RECEPTOR_STRIDE = 50  # at least the number of cells
BUNDLED = 51  # 1: the input comes from bundles
COUNT_ROWS = 52  # steps of which counts are kept: that of step s in row s mod COUNT_ROWS
FLIGHT_STEP_ADDRESS = 53  # int64: spikes that are still to be delivered from bundles, in order of step, then cell
FLIGHT_CELL_ADDRESS = 54
FLIGHT_BEGIN = 55
FLIGHT_END = 56
FLIGHT_CAPACITY = 57  # 0: nothing is delivered from bundles
IDLE = 58  # bits of states and receptors that are 0 in all cells of a slice; see pyNN.equations.kernels.idle_bits
HOME = 59  # the cell whose idle states and receptors, with those of the cells after it, stand for those of all
BINS_ADDRESS = 60  # record of the bins that the input comes from; 0: it does not
GROUP_FIELDS = 61

CELLS_AT_ONCE = 1024  # cells that an update, or a draw, is for; a multiple of those that vector instructions work on

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
ROW_LENGTH = 7  # numbers from one sample to the next
RECORDING_FIELDS = 8

# A route.
SOURCE = 0  # row of the source group
TARGET = 1
RECEPTOR = 2
START_ADDRESS = 3  # int64
POST_ADDRESS = 4  # uint16 or int32
WEIGHT_ADDRESS = 5  # float64 or float32
DELAY_ADDRESS = 6  # uint8 or int32
ROUTE_SLICE = 7  # that has all its target cells
ROUTE_KERNEL = 8
ROUTE_SOURCE_RECORD = 9  # addresses of the groups' records
ROUTE_TARGET_RECORD = 10
ROUTE_FIRST_CELL = 11  # of the slice
ROUTE_LAST_CELL = 12
ROUTE_TIME = 13  # ns
ROUTE_RULE_ADDRESS = 14  # int64 (RULE_FIELDS,): of connections that are drawn at each spike
ROUTE_VALUE_ADDRESS = 15  # float64 (RULE_VALUES,)
ROUTE_FIELDS = 16

# Bins of events, one for each slot of the ring and each block of the cells of a slice; see pyNN.reference.bins.
# Those in a bin are in chunks of EVENTS_A_CHUNK, of which each tells the next.
BINS_BLOCKS = 0
BINS_BITS = 1  # a block is of 2**BINS_BITS cells
BINS_FIRST_ADDRESS = 2  # int32 (slots, blocks): the first chunk
BINS_END_ADDRESS = 3  # int32 (slots, blocks): number of the next event
BINS_NEXT_ADDRESS = 4  # int32 (chunks,); -1: it is the last
BINS_FREE_ADDRESS = 5  # int32 (chunks,): those that are not in use
BINS_FREE = 6  # how many
BINS_CHUNKS = 7
BINS_EVENT_ADDRESS = 8  # (chunks, EVENTS_A_CHUNK) of EVENT_BYTES: see pyNN.reference.bins_kernel
BINS_INPUT_ADDRESS = 9  # float64 (receptors, RECEPTOR_STRIDE): what arrives at a block, which stands first, in a step
BINS_FLUSHED = 10  # the last step for which there may be something in the ring
BINS_FIELDS = 11
EVENT_BYTES = 10
EVENTS_A_CHUNK = 512

# What draws the connections of a route; see pyNN.connectors.regeneration.PairRule.
RULE_KEY = 0  # the bits of a uint64
RULE_POSTS = 1
RULE_FORBIDDEN_ADDRESS = 2  # int64 (sources,)
RULE_SKIPS = 3
RULE_SKIP_ADDRESS = 4  # 8 bytes (2, skips)
RULE_HIT_ADDRESS = 5  # int64, those of a block
RULE_UNIFORM_ADDRESS = 6  # float64 (2, cells of a block)
RULE_WEIGHT_KEY = 7
RULE_DELAY_KEY = 8
RULE_FIELDS = 9

RULE_FACTOR = 0  # that of pyNN.connectors.draws.skip_factor
RULE_STEP = 1  # ms
RULE_WEIGHT = 2  # that of all, or the numbers of its transform
RULE_DELAY = 9
RULE_VALUES = 16

# Gap junctions between two groups.
COUPLING_SOURCE = 0  # row
COUPLING_TARGET = 1
COUPLING_SOURCE_V_ADDRESS = 2  # float64 (size,)
COUPLING_TARGET_V_ADDRESS = 3
COUPLINGS = 4
COUPLING_PRE_ADDRESS = 5  # int64
COUPLING_POST_ADDRESS = 6
COUPLING_WEIGHT_ADDRESS = 7  # float64
COUPLING_FIELDS = 8

# What the driver keeps. What threads tell each other by stands on cache lines of their own.
STEP = 0
TARGET_STEP = 1
INTERVAL = 2
SLICES = 3  # into which the cells of each group are divided
YIELD_ADDRESS = 4  # int32(): gives the processor to another thread; 0: there is no such function
REASON = 5  # why the threads stop
STEPS = 6  # of the present interval
UPDATING = 7  # 1: cells are updated, 0: spikes are delivered, 2: synapses go on that do so in every step
FIRST_DELIVERED = 8  # the steps of the spikes that are delivered
LAST_DELIVERED = 9
PHASE = 16  # its number; -1: the threads stop
FINISHED = 32  # tasks of the phase that are done
GROUPS = 40
GROUP_ADDRESS = 41  # int64 (groups, GROUP_FIELDS)
PART_ADDRESS = 42  # int64 (slices, groups, GROUP_FIELDS)
ROUTES = 43
ROUTE_TABLE_ADDRESS = 44  # int64 (routes, ROUTE_FIELDS)
QUEUES = 45
QUEUE_ADDRESS = 46  # int64: addresses of records, like the next two
HISTORIES = 47
HISTORY_ADDRESS = 48
PATHWAYS = 49
PATHWAY_ADDRESS = 50
COUPLE_KERNEL = 51  # 0: no gap junctions
COUPLING_TABLES = 52
COUPLING_ADDRESS = 53  # int64 (tables, COUPLING_FIELDS)
SCRATCH = 54  # address of int64 (slices + 1, 2, SCRATCH_WIDTH)
SCRATCH_WIDTH = 55
CLOCK = 56  # address of clock_gettime; 0: times are not measured
TIME_ADDRESS = 57  # int64 (slices, 8): seconds and ns
RANKS = 58  # MPI ranks that exchange spikes in every interval; 0: there is only this process
MESSAGE_ADDRESS = 59  # int64: number of spikes of the own cells in an interval, and the spikes
RECEIVED_ADDRESS = 60  # int64: spikes of all ranks
PLACE_ADDRESS = 61  # int64 (ranks, 2): where those of each rank begin and end
CLOCK_KIND = 62
STEPPED = 63  # 1: there are synapses that go on in every step
BUNDLES = 64
BUNDLE_TABLE_ADDRESS = 65  # int64 (bundles, BUNDLE_FIELDS), in the order in which their weights are added up
LONGEST = 66  # the largest delay of bundles, in steps
ARRIVED = 67  # the last step whose input has been brought from bundles
SETTLED = 68  # the step at which all input from bundles was in the rings
BUNDLE_TIME_ADDRESS = 69  # int64 (slices,): ns
WATCH = 70  # address of clock_gettime, if it is measured whether the tasks are too short for several threads; or 0
MEASURED = 71  # 1: it is measured in this interval
ALONE = 72  # 1: one thread does all tasks
SHORT = 73  # ns of work in an interval below which one thread is to do all
ASKED = 74  # measured intervals in a row that asked for the other way
PATIENCE = 75  # how many must do so before the other threads are sent home
CLAIM_ADDRESS = 76  # int64 (slices, 8): the last phase of which somebody has taken the task of the slice
REACH = 77  # for how many steps ahead input is brought from bundles at once, at least an interval
WORK = 80  # ns that the tasks of this interval took
CONTROL_FIELDS = 88

# A bundle: the connections from the cells of one group to the cells of a slice, or a route of a counted source to them.
BUNDLE_SLICE = 0
BUNDLE_GROUP = 1  # row of the source group
BUNDLE_KERNEL = 2
BUNDLE_ROUTE_ADDRESS = 3  # record of the route of a counted source; 0: it is a bundle
BUNDLE_SHORTEST = 4  # the smallest delay
BUNDLE_WIDTH = 5  # one more than the number of delays
BUNDLE_END_ADDRESS = 6  # uint32 (sources, BUNDLE_WIDTH): where the connections of a cell with each delay end, and begin
BUNDLE_CONNECTIONS = 7
BUNDLE_POST_ADDRESS = 8  # uint16 or int32: place of the target's number in a slot of the bundle's input
BUNDLE_WEIGHT_ADDRESS = 9  # float64 or float32
BUNDLE_INPUT_ADDRESS = 10  # float64 (BUNDLE_INPUT_SLOTS, BUNDLE_SLOT_STRIDE), from the first place that there is on
BUNDLE_INPUT_SLOTS = 11
BUNDLE_SLOT_STRIDE = 12
BUNDLE_STEP_ADDRESS = 13  # the spikes of the source group that are to be delivered
BUNDLE_CELL_ADDRESS = 14
BUNDLE_FIRST = 15  # the steps whose input is wanted
BUNDLE_LAST = 16
BUNDLE_PIECES = 17  # how often a part of a spike's row has been delivered
BUNDLE_IN_FLIGHT = 18  # how many spikes of the source group there are from which some is to be delivered
BUNDLE_SOURCES = 19
BUNDLE_FIELDS = 20

# A queue: the spikes of one source group that synapses with a rule still have to see.
QUEUE_GROUP = 0  # row of the source group
QUEUE_STEP_ADDRESS = 1  # int64
QUEUE_CELL_ADDRESS = 2
QUEUE_COUNT = 3
QUEUE_CAPACITY = 4
QUEUE_EVENT_ADDRESS = 5  # float64: 1 for the cells in which the event happens whose queue it is; 0: that of spikes
QUEUE_EVERY = 6  # steps between updates of these cells
QUEUE_FIELDS = 7

# A history: the spikes of the cells of one target group, and the postsynaptic states after each.
HISTORY_KERNEL = 0
HISTORY_GROUP = 1  # address of the target group's record
HISTORY_ENTRY_ADDRESS = 2  # float64 (cells, capacity, 1 + states): step and states; entry 0 precedes all spikes
HISTORY_COUNT_ADDRESS = 3  # int64 (cells,)
HISTORY_RECENT_ADDRESS = 4  # float64 (cells, 2 + states): steps of the last spike and of that before, states
HISTORY_CAPACITY = 5
HISTORY_LARGEST = 6  # count
HISTORY_SCALAR_ADDRESS = 7
HISTORY_TABLE_ADDRESS = 8
HISTORY_TABLE_SIZE = 9
HISTORY_KEY = 10
HISTORY_GROUP_ROW = 11  # row of the target group
HISTORY_FIELDS = 12

# A pathway: a route whose synapses have a rule.
PATHWAY_KERNEL = 0  # for presynaptic spikes
PATHWAY_QUEUE = 1  # address of the queue's record
PATHWAY_CURSOR = 2  # spikes of the queue that have been dealt with
PATHWAY_LAG = 3  # steps after which a spike is dealt with
PATHWAY_EARLY = 4  # 1: just before the next update; 2: before any cell is updated, 3: in every step before that
PATHWAY_TARGET = 5  # address of the target group's record
PATHWAY_RECEPTOR = 6
PATHWAY_SOURCES = 7
PATHWAY_START_ADDRESS = 8  # int64 (sources + 1,)
PATHWAY_POST_ADDRESS = 9  # int32
PATHWAY_WEIGHT_ADDRESS = 10  # float64
PATHWAY_DELAY_ADDRESS = 11  # int32, (1,) or one a connection
PATHWAY_SHIFT = 12  # whole steps by which spike times of source and target are compared
PATHWAY_TIE = 13  # 1: of two spikes that arrive together the presynaptic one comes first
PATHWAY_EXACT = 14  # 1: the shift is a whole number of steps
PATHWAY_HISTORY = 15  # address of the history's record
PATHWAY_ROW_STEP_ADDRESS = 16  # int64 (sources,): last spike
PATHWAY_ROW_DONE_ADDRESS = 17  # int64 (sources,): last postsynaptic step that has been dealt with, less the shift
PATHWAY_ROW_STATE_ADDRESS = 18  # float64 (sources, states)
PATHWAY_STATE_ADDRESS = 19  # float64 (states, connections)
PATHWAY_TOUCHED_ADDRESS = 20  # float64 (connections,): step to which the states belong
PATHWAY_COLUMN_ADDRESS = 21  # int64 (columns,): addresses of float64 (connections,)
PATHWAY_SCALAR_ADDRESS = 22  # float64
PATHWAY_TABLE_ADDRESS = 23  # float64 (tables, size)
PATHWAY_TABLE_SIZE = 24
PATHWAY_KEY_ADDRESS = 25  # int64 (connections,)
PATHWAY_KEY = 26
PATHWAY_SLICE = 27  # that has all its target cells
PATHWAY_TIME = 28  # ns
PATHWAY_PART = 29  # address of the record of connections of which something happens in every step; 0: others
PATHWAY_INDEX_ADDRESS = 30  # int64: their positions, in order of the spiking cell
PATHWAY_AWAY = 31  # steps from a spike to its arrival at the synapse
PATHWAY_DELAY = 32  # steps from a spike to its effect
PATHWAY_FIELDS = 33

# Connections of which something happens in every step, in the order of the table.
STEPPED_CONNECTIONS = 0
STEPPED_SOURCES = 1  # cells of the source group
STEPPED_TARGETS = 2
STEPPED_PRE_ADDRESS = 3  # int32
STEPPED_POST_ADDRESS = 4  # int32
STEPPED_DELAY_ADDRESS = 5  # int32
STEPPED_WEIGHT_ADDRESS = 6  # float64
STEPPED_STATE_ADDRESS = 7  # float64 (states, connections)
STEPPED_TOUCHED_ADDRESS = 8  # float64: step to which states belong that are brought up to date at spikes
STEPPED_COLUMN_ADDRESS = 9  # int64 (columns,): addresses of float64 (connections,)
STEPPED_CELL_ADDRESS = 10  # int64 (variables of cells,): addresses of float64, one number a cell
STEPPED_SCALAR_ADDRESS = 11  # float64
STEPPED_KEY_ADDRESS = 12  # int64 (connections,)
STEPPED_STEP_KEY = 13  # of random numbers in every step
STEPPED_TARGET = 14  # address of the target group's record
STEPPED_RECEPTOR = 15
STEPPED_EXTREME_ADDRESS = 16  # float64 (targets,): largest or smallest psp of a step; 0: all are added up
STEPPED_FIRST = 17  # 1: the first record of those with the same array
STEPPED_LAST = 18
STEPPED_BEFORE_ADDRESS = 19  # float64 (states, connections): just before the last postsynaptic spike
STEPPED_LAST_POST_ADDRESS = 20  # float64 (connections,): the step in which that arrived
STEPPED_FIELDS = 21
