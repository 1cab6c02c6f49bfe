"""Ways in which ranks can go apart.  mpirun -n RANKS python failures.py CASE"""

import json
import os
import random
import signal
import sys
import threading
import time

import pyNN.reference as sim
from pyNN.errors import InvalidDelayError, SimulatorError

case = sys.argv[1]
sim.setup(timestep=0.1)
rank = sim.rank()
cells = sim.Population(130, sim.IF_curr_exp(i_offset=1.0))
cells.record("spikes")
sim.run(5.0)
print(json.dumps({"failing at": time.time()}), flush=True)
if case == "exception" and rank == 1:
    raise ValueError("rank 1 does not like this")
if case == "everywhere":
    cells.set(tau_n=1.0)
if case == "kill" and rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
if case == "terminate" and rank == 1:
    os.kill(os.getpid(), signal.SIGTERM)
if case == "interrupt" and rank == 1:
    signal.raise_signal(signal.SIGINT)
if case == "early" and rank == 1:
    sys.exit(3)
if case == "left out" and rank == 1:
    time.sleep(60.0)
if case == "apart":
    # Each waits for the other in another operation.
    if rank == 1:
        cells.get_data(gather="all")
    else:
        cells.get_spike_counts()
if case == "times":
    sim.run(5.0 + rank)
if case == "not finite":
    # A cell of one rank only.
    cells[129:130].initialize(v=-1e308)
    cells[129:130].set(tau_m=1e-3, cm=1e-308)
    try:
        sim.run(50.0)
    except SimulatorError as error:
        print(f"rank {rank}: {type(error).__name__}: {error}", flush=True)
        sys.exit(0)
if case == "caught":
    try:
        sim.Projection(
            cells, cells, sim.FixedProbabilityConnector(0.1),
            sim.StaticSynapse(delay=lambda d: 0.0 if rank == 1 else 1.0),
        )
    except InvalidDelayError as error:
        print(f"rank {rank}: {type(error).__name__}", flush=True)
if case == "stopped":
    if rank == 1:
        threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        sim.run(1e9)
    except KeyboardInterrupt:
        print(f"stopped at {sim.get_current_time()} with {len(cells.get_spike_counts(gather='all'))} cells", flush=True)
        sys.exit(0)
if case == "stopped often":
    # At any moment of a run: also between two pieces of it, and while ranks agree on something.
    draw = random.Random(1)
    times = []
    for k in range(60):
        delay, whose = draw.uniform(0.005, 0.08), draw.randrange(sim.num_processes())
        callbacks = [lambda t: t + 0.3] if k % 3 == 0 else None
        if rank == whose:
            threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            sim.run(1e9, callbacks=callbacks)
        except KeyboardInterrupt:
            times.append(sim.get_current_time())
        if k % 20 == 19:
            sim.reset()
    print("stopped at", times, flush=True)
    sys.exit(0)
if case == "long":
    sim.run(1e9)
for _ in range(20):
    sim.run(5.0)
data = cells.get_data()
if rank == 0:
    print("spikes:", sum(len(train) for train in data.segments[0].spiketrains))
sim.end()
