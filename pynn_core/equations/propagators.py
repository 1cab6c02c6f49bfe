"""The numbers in a kernel: exact propagators of the linear part and other coefficients, from parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from pyNN.equations.program import Program, Propagator
from pyNN.models import TimedArray
from pyNN.specs import FloatArray

ROUNDING = 1e-3
"""A period that exceeds a whole number of steps by less than this fraction of a step counts as that number."""

LONGEST_HELD = 2.0**31 - 1.0
"""In updates: an infinite refractory period, and one that is no number, is that long."""

_FEW = 100
"""Number of matrices up to which SciPy exponentiates them."""


def refractory_steps(period: Any, dt: float) -> Any:
    """Number of updates for which a refractory period (ms) holds a cell: rounded up, as NEST does; see LONGEST_HELD."""
    steps = np.ceil(np.asarray(period, dtype=float) / dt - ROUNDING)
    return np.where(steps < LONGEST_HELD, np.maximum(steps, 0.0), LONGEST_HELD)


def coefficients(
    program: Program, module: ModuleType, parameters: Mapping[str, Any], size: int, dt: float,
    tables: Sequence[TimedArray] = (), every: int = 1,
) -> list[float | FloatArray]:
    """The values of `program.coefficients`: a number where all cells agree, otherwise one number a cell.

    `parameters` are in the units of the model; `module` is one made from `program`. `dt` is the time between updates,
    which happen every `every` time steps. Of `tables`, kernels get addresses: whoever calls this keeps their values.
    """
    # Division by a parameter that may be 0 gives an infinity, for which the model has another case.
    parameters = {name: np.float64(v) if isinstance(v, float) else v for name, v in parameters.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        values: dict[str, Any] = dict(module.coefficients(parameters, dt))
    values["_period"] = refractory_steps(module.refractory(parameters), dt)
    values.update(_dt=dt, _every=every, _number=size)
    for number, table in enumerate(tables):
        values.update({
            f"_table{number}": float(table.values.ctypes.data), f"_rows{number}": table.values.shape[0],
            f"_columns{number}": table.values.shape[1], f"_width{number}": table.dt,
        })
    if program.propagators:
        matrix = {k: np.asarray(v, dtype=float) for k, v in module.matrix(parameters, dt).items()}
        drive, injection = module.drive(parameters, dt), module.injection(parameters, dt)
        for propagator in program.propagators:
            values.update(_propagator(program, propagator, matrix, drive, injection, size, dt))
    return [_compact(values[name], size) for name in program.coefficients]


def _compact(value: Any, size: int) -> float | FloatArray:
    array = np.asarray(value, dtype=float)
    return float(array) if array.ndim == 0 else np.ascontiguousarray(np.broadcast_to(array, (size,)))


def _propagator(
    program: Program,
    propagator: Propagator,
    matrix: Mapping[tuple[int, int], FloatArray],
    drive: Mapping[int, Any],
    injection: Mapping[int, Any],
    size: int,
    dt: float,
) -> dict[str, Any]:
    order = len(program.analysis.linear)
    still = set(program.analysis.held_linear) if propagator.held else set()
    entries = {place: value for place, value in matrix.items() if place[0] not in still}
    driven = any(place not in still for source in (drive, injection) for place in source)
    homogeneous, response, member = _solutions(entries, order, size, dt * float(propagator.fraction), driven)

    def of_cells(table: FloatArray, row: int, column: int) -> Any:
        return table[0, row, column] if member is None else table[member, row, column]

    values: dict[str, Any] = {}
    prefix = f"_{propagator.prefix}"
    for row in range(order):
        for column in range(order):
            values[f"{prefix}_{row}_{column}"] = of_cells(homogeneous, row, column)
        for letter, source in (("c", drive), ("j", injection)):
            values[f"{prefix}_{row}_{letter}"] = sum(
                (of_cells(response, row, j) * np.asarray(b, dtype=float) for j, b in source.items() if j not in still),
                start=np.float64(0.0),
            )
    return values


def _solutions(
    entries: Mapping[tuple[int, int], FloatArray], order: int, size: int, time: float, driven: bool
) -> tuple[FloatArray, FloatArray, Any]:
    """exp(M t) and its integral over [0, t] for each distinct M, and which of them each cell has (None: the only).

    If nothing drives the states, the integral is not needed.
    """
    places = list(entries)
    member = None
    if any(entries[p].ndim for p in places):
        table = np.column_stack([np.broadcast_to(entries[p], (size,)) for p in places])
        distinct, member = np.unique(table, axis=0, return_inverse=True)
        member = member.reshape(-1)
    else:
        distinct = np.array([[float(entries[p]) for p in places]]).reshape(1, len(places))
    matrices = np.zeros((len(distinct), order, order))
    for column, (i, j) in enumerate(places):
        matrices[:, i, j] = distinct[:, column]
    if not driven and all(i == j for i, j in places):
        # Each state decays by itself, which needs no SciPy: its import takes longer than building a small network.
        rates = np.diagonal(matrices, axis1=1, axis2=2) * time
        exponentials: FloatArray = np.eye(order) * np.exp(rates)[:, np.newaxis]
        return exponentials, np.zeros_like(exponentials), member
    exponentials, integrals = (_few if len(distinct) <= _FEW else _many)(matrices, time)
    return exponentials, integrals, member


def _few(matrices: FloatArray, time: float) -> tuple[FloatArray, FloatArray]:
    """exp(M t) and its integral: blocks of the exponential of [[M, 1], [0, 0]] t, for every M, singular or not."""
    number, order, _ = matrices.shape
    result = np.zeros((number, 2 * order, 2 * order))
    for k, matrix in enumerate(matrices):
        augmented = np.zeros((2 * order, 2 * order))
        augmented[:order, :order] = matrix
        augmented[np.arange(order), order + np.arange(order)] = 1.0
        result[k] = np.frombuffer(_exponential(2 * order, (augmented * time).tobytes())).reshape(augmented.shape)
    return result[:, :order, :order], result[:, :order, order:]


@lru_cache(maxsize=1024)
def _exponential(order: int, matrix: bytes) -> bytes:
    """exp of a matrix, both as the bytes of their doubles: populations often share their parameters."""
    from scipy.linalg import expm

    return np.asarray(expm(np.frombuffer(matrix).reshape(order, order))).tobytes()


def _many(matrices: FloatArray, time: float) -> tuple[FloatArray, FloatArray]:
    """The same for thousands of matrices at once, where SciPy goes one by one and takes a millisecond for each.

    Taylor series over a fraction t/2^s of the time in which |M| t/2^s <= 1/2, to the term of 2^-20/20! = 4e-25, and s
    doublings: exp(2A) = exp(A)^2, and the integral over twice the time is (1 + exp(A)) times that over the time.
    """
    norm = float(np.max(np.sum(np.abs(matrices), axis=2))) * time
    doublings = max(int(np.ceil(np.log2(norm))) + 1, 0) if norm > 0 else 0
    fraction = time / 2**doublings
    identity = np.broadcast_to(np.eye(matrices.shape[1]), matrices.shape)
    scaled = matrices * fraction
    integral = identity * fraction
    term = integral
    for k in range(2, 21):
        term = term @ scaled / k
        integral = integral + term
    exponential = identity + matrices @ integral
    for _ in range(doublings):
        integral = integral + exponential @ integral
        exponential = exponential @ exponential
    return exponential, integral
