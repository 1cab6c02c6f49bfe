"""Machine code: compiled by Numba in processes of its own, kept on disk, loaded without Numba.

A `Unit` is the text of a Python module and the functions of it that are wanted. The first time, a worker process
compiles it; afterwards every process on the machine loads the machine code in milliseconds, and Numba, whose import
alone takes longer than many simulations, is not imported. Compiled functions take numbers and arrays, and do not
allocate memory or raise exceptions; a unit that does is refused when it is compiled.
"""

from pyNN.compilation.library import Function, Library, Unit, expect, is_ready, load, request

__all__ = ["Function", "Library", "Unit", "expect", "is_ready", "load", "request"]
