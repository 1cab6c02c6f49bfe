"""One measurement in a process of its own: ``python WORKER.py FUNCTION JSON`` prints the result as one line of JSON.

Only the standard library, because it runs in the environments of other simulators too.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = "result: "
"""Begins the line of the result; simulators greet and warn on standard output as well."""


def peak_mb() -> float:
    """The largest resident memory of this process, MB; what its parent had before it does not count."""
    found = re.search(r"VmHWM:\s*(\d+)", _status())
    return int(found[1]) / 1024 if found else float("nan")


def resident_mb() -> float:
    """The present resident memory of this process, MB."""
    found = re.search(r"VmRSS:\s*(\d+)", _status())
    return int(found[1]) / 1024 if found else float("nan")


def _status() -> str:
    path = Path("/proc/self/status")
    return path.read_text() if path.exists() else ""


def main(*functions: Callable[..., dict[str, Any]]) -> None:
    """Run the function that the command line names, with the keyword arguments that it gives as JSON."""
    known = {function.__name__: function for function in functions}
    name, arguments = sys.argv[1:]
    result = known[name](**json.loads(arguments))
    print(f"\n{MARK}{json.dumps(result)}")
