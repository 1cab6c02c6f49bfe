"""What the compiled engine knows of connections that it draws again at each spike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.connectors.draws import POSTS_A_BLOCK, skip_factor, skips_at_once
from pyNN.connectors.regeneration import Drawn, RegeneratedTable
from pyNN.errors import InternalError
from pyNN.random.streams import signed
from pyNN.random.transforms import NUMBERS, Transform
from pyNN.reference import layout
from pyNN.reference.delivery import Regenerated


def regenerated_kind(table: RegeneratedTable, counted: bool) -> Regenerated:
    """What the kernel of these connections must be able to do."""
    kinds = [_transform(value).kind if isinstance(value, Drawn) else None for value in (table.weight, table.delay)]
    return Regenerated(kinds[0], kinds[1], counted, table.narrow and isinstance(table.weight, Drawn))


def rule_record(
    table: RegeneratedTable, address: Callable[[NDArray[Any]], int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The two records of a route; `address` keeps an array alive and says where it is."""
    rule, p = table.rule, table.rule.probability
    record, values = np.zeros(layout.RULE_FIELDS, dtype=np.int64), np.zeros(layout.RULE_VALUES)
    skips = np.zeros((2, skips_at_once(p)), dtype=np.int64)
    record[layout.RULE_KEY] = signed(rule.key)
    record[layout.RULE_POSTS] = rule.n_post
    record[layout.RULE_FORBIDDEN_ADDRESS] = address(np.ascontiguousarray(rule.forbidden, dtype=np.int64))
    record[layout.RULE_SKIPS], record[layout.RULE_SKIP_ADDRESS] = skips.shape[1], address(skips)
    record[layout.RULE_HIT_ADDRESS] = address(np.zeros(POSTS_A_BLOCK, dtype=np.int64))
    record[layout.RULE_UNIFORM_ADDRESS] = address(np.zeros((2, POSTS_A_BLOCK)))
    values[layout.RULE_FACTOR] = skip_factor(p)
    values[layout.RULE_STEP] = table.dt
    drawn = (
        (table.weight, layout.RULE_WEIGHT, layout.RULE_WEIGHT_KEY),
        (table.delay, layout.RULE_DELAY, layout.RULE_DELAY_KEY),
    )
    for value, place, key in drawn:
        if isinstance(value, Drawn):
            values[place : place + NUMBERS] = _transform(value).values
            record[key] = signed(value.key)
        else:
            values[place] = value
    return record, values


def _transform(value: Drawn) -> Transform:
    transform = value.transform
    if transform is None:
        raise InternalError(f"{value.distribution!r} cannot be drawn in compiled code.")
    return transform
