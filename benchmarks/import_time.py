"""How long does importing a backend take, in a new process?

    python benchmarks/import_time.py --pynn-python ~/pynn-peer/bin/python
"""

import json
import subprocess

from harness import arguments, medians, ratios, report

CODE = """
import json, time
start = time.perf_counter()
import pyNN.{backend}
print(json.dumps({{"import_s": time.perf_counter() - start}}))
"""


def import_seconds(python: str, backend: str) -> dict[str, float]:
    """Seconds for the import statement alone, without the start of the interpreter."""
    command = [python, "-c", CODE.format(backend=backend)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


if __name__ == "__main__":
    options = arguments(__doc__, backends="reference,nest,mock", repeats=5)
    results = {}
    for name, command in options.runs.items():
        import_seconds(*command)  # brings the files into the system's cache
        results[name] = medians([import_seconds(*command) for _ in range(options.repeats)])
    report("import_time", results, ratios(results, ["import_s"]), repeats=options.repeats)
