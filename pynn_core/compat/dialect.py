"""Which API a script speaks where the same line means one thing in PyNN 0.6 and another in 0.13.

A script declares it with ``setup(api="0.6")``, the environment variable PYNN_API or ``pynn run --api 0.6``; what it
says itself counts most. Whatever the types of the arguments tell apart needs no declaration.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from pyNN.errors import InvalidParameterValueError, nearest

VARIABLE = "PYNN_API"
MODERN = "0.13"
WITH_TIMES = "0.7"
KNOWN = ("0.6", WITH_TIMES, MODERN)
"""0.7 differs from 0.6 in one thing: get_v() and get_gsyn() have a column of times."""


@dataclass(frozen=True)
class Ambiguity:
    """One line that both APIs accept and understand differently."""

    line: str
    old: str
    modern: str


AMBIGUITIES = (
    Ambiguity("`p[i, j]`", "the cell at the address (i, j)", "a view of the cells i and j"),
    Ambiguity("`p[2:5]`", "an array of cell ids", "a view"),
    Ambiguity("`p.get('tau_m')`", "a list of one value a cell", "one number where all cells have the same"),
    Ambiguity(
        "`p.getSpikes()`, `p.get_v()`, `p.get_gsyn()`",
        "an array: (index, t); (index, v); (index, ge, gi). In the dialect 0.7 the last two have t as second column",
        "a Neo block",
    ),
    Ambiguity("`rng.next(1)`", "something that is both a number and an array of one", "an array of one number"),
    Ambiguity("conductances of `HH_cond_exp` given in a dictionary, read or set", "nS", "uS"),
    Ambiguity(
        "defaults",
        "tau_refrac 0.0 ms; duration of spike sources 1e6 ms; min_delay 0.1 and max_delay 10.0 ms (at least one time "
        "step)",
        "tau_refrac 0.1 ms; duration 1e10 ms; delays 'auto'",
    ),
    Ambiguity("`p.record(None)`", "record the spikes of all cells", "stop recording"),
    Ambiguity("`create(cellclass)`", "a cell id, for n > 1 a list of ids", "a population"),
    Ambiguity("`reset()`", "recorded data are deleted", "they become a Neo segment"),
    Ambiguity(
        "`GutigWeightDependence(w_min, w_max, x, y)`", "x, y are A_plus, A_minus", "x, y are mu_plus, mu_minus"
    ),
    Ambiguity(
        "`id.is_standard_cell`, `list_standard_models()`", "a method; classes", "a property; names of the classes"
    ),
    Ambiguity(
        "files: `p.printSpikes('x.pkl')`, `prj.saveConnections('x')`, `prj.printWeights('x')`",
        "text in the layout of 0.6, whatever the name",
        "Neo, by the name's extension; tables of numbers with indices",
    ),
    Ambiguity("`p.get(name, True)`", "as_array=True: an array of the population's dimensions", "gather=True"),
)
"""In all else an old and a modern line can be told apart. A connector's True or False is never a weight."""

_declared: str | None = None


def checked(api: Any) -> str:
    """`api` if it is a known one; otherwise an InvalidParameterValueError that lists those that are."""
    if isinstance(api, str) and api in KNOWN:
        return api
    raise InvalidParameterValueError(
        f"api={api!r} is not an API that scripts can be written for.{nearest(str(api), KNOWN)} "
        f"Known: {', '.join(KNOWN)}. It is given by setup(api=...), by the environment variable {VARIABLE}, or by "
        "`pynn run --api`."
    )


def from_environment() -> str:
    """What the environment variable says; 0.13 if it says nothing."""
    return checked(os.environ.get(VARIABLE) or MODERN)


def declare(api: str | None) -> str:
    """Take `api` (None: what the environment says) for everything from now on, until the next setup()."""
    global _declared
    _declared = None if api is None else checked(api)
    return current()


def current() -> str:
    """The present dialect. It belongs to the process: generators and models are made without a simulation."""
    return from_environment() if _declared is None else _declared


def is_old() -> bool:
    """Whether an ambiguous line means what it meant in PyNN 0.6."""
    return current() != MODERN
