"""How long does a second of a network take whose synapses all have spike-timing-dependent plasticity?

    python benchmarks/stdp.py --size 1000000
    python benchmarks/stdp.py --size 10000000 --repeats 1

Both backends get the same connections and the same spikes, from one script. The last line tells how many times faster
the reference backend is than NEST's stdp_synapse, in the run and in all.
"""

import sys

from harness import arguments, measure, report

SIZE = 1_000_000


def _size() -> int:
    """Take --size NUMBER out of the command line; the harness knows the rest."""
    if "--size" not in sys.argv:
        return SIZE
    where = sys.argv.index("--size")
    number = int(sys.argv[where + 1])
    del sys.argv[where : where + 2]
    return number


if __name__ == "__main__":
    size = _size()
    options = arguments(__doc__, repeats=1)
    results = measure(options, "stdp", size)
    against_nest = {}
    if "nest" in results and "reference" in results:
        quantities = ("connect_and_build_s", "run_s", "get_weights_s", "process_s")
        against_nest = {q: results["nest"][q] / results["reference"][q] for q in quantities}
    report("stdp", results, {}, times_faster_than_nest=against_nest, synapses=size, repeats=options.repeats)
