"""How long does the very first run of the balanced network take, when nothing is compiled yet, and how long the second?

    python benchmarks/first_run.py
"""

import tempfile

from harness import arguments, report, run

if __name__ == "__main__":
    options = arguments(__doc__, backends="reference", repeats=1)
    results = {}
    for name, command in options.runs.items():
        with tempfile.TemporaryDirectory() as folder:
            # Every cache of compiled code is in one of these.
            caches = {"XDG_CACHE_HOME": folder, "NUMBA_CACHE_DIR": folder, "PYNN_CORE_CACHE": folder}
            first = run(command, "coba4000", environment=caches)
            second = run(command, "coba4000", environment=caches)
        results[name] = {
            "first_process_s": first["process_s"],
            "second_process_s": second["process_s"],
            "compilation_s": first["process_s"] - second["process_s"],
        }
    report("first_run", results, {})
