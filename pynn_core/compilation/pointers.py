"""What compiled code does with addresses, for Numba. Only processes that compile import this module."""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def pointer(typing, address):
    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@intrinsic(prefer_literal=True)
def stack(typing, size):
    """Room for a constant number of bytes that lasts until the calling function returns."""
    if not isinstance(size, types.IntegerLiteral):
        return None

    def generate(context, builder, signature, arguments):
        count = ir.Constant(ir.IntType(64), size.literal_value)
        room = cgutils.alloca_once(builder, ir.IntType(8), count)
        room.align = 64
        return room

    return types.voidptr(size), generate


@intrinsic
def call(typing, function, a, b, c):
    """Call the function at an address: int64(int64, int64, int64)."""

    def generate(context, builder, signature, arguments):
        integer = context.get_value_type(types.int64)
        kind = ir.FunctionType(integer, [integer, integer, integer])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@intrinsic
def call_plain(typing, function):
    """Call the function int32() at an address."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(context.get_value_type(types.int32), [])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [])

    return types.int32(types.int64), generate


@intrinsic
def read_atomically(typing, address):
    """The int64 at an address that other threads write: what they wrote before it is there, too."""

    def generate(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], context.get_value_type(types.int64).as_pointer())
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def add_atomically(typing, address, value):
    """Add to the int64 at an address, of which the result is the number before."""

    def generate(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], context.get_value_type(types.int64).as_pointer())
        return builder.atomic_rmw("add", place, arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def replace_atomically(typing, address, old, new):
    """Put a number in the place of another at an address; whether that was there."""

    def generate(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], context.get_value_type(types.int64).as_pointer())
        result = builder.cmpxchg(place, arguments[1], arguments[2], "seq_cst", "seq_cst")
        return builder.zext(builder.extract_value(result, 1), context.get_value_type(types.int64))

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def fetch(typing, address):
    """Have the line of memory at an address, which need not be a valid one, brought into the caches meanwhile.

    All but the innermost: fewer lines at a time can be on their way to that one, and others have to wait then.
    """

    def generate(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], cgutils.voidptr_t)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
        # To be read, into all caches but the first, data.
        builder.call(function, [place, number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@njit
def fetch_lines(address, size):
    """The same for all lines of so many bytes."""
    for place in range(address, address + size, 64):
        fetch(place)


@intrinsic
def bits(typing, number):
    """The bits of a float64 as an int64."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@intrinsic
def from_bits(typing, number):
    """The float64 that has the bits of an int64."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@njit
def integers(address, size):
    return carray(pointer(address), (size,), np.int64)


@njit
def floats(address, size):
    return carray(pointer(address), (size,), np.float64)


@njit
def records(address, rows, fields):
    return carray(pointer(address), (rows, fields), np.int64)
