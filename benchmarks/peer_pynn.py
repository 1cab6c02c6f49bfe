"""Run one function of networks.py in this process: ``python peer_pynn.py BACKEND FUNCTION [ARGUMENT ...]``.

It is what PyNN 0.13 runs in its own environment, and what pynn-core runs in this one. The result is one line of JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time


def main(backend: str, function: str, *arguments: str) -> None:
    start = time.perf_counter()
    sim = importlib.import_module(f"pyNN.{backend}")
    imported = time.perf_counter() - start
    # Only now, because it imports pyNN.random.
    networks = importlib.import_module("networks")
    values = [int(text) if text.isdigit() else text for text in arguments]
    result = getattr(networks, function)(sim, *values)
    print(json.dumps({"import_s": imported, **result}))


if __name__ == "__main__":
    main(*sys.argv[1:])
