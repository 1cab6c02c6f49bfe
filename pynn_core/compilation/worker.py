"""The worker: compiles units with Numba and gives their machine code. A process of its own runs this module.

Of what Numba makes, only the functions that are asked for can be seen from outside. So the optimiser finds that nothing
raises, and removes what would call Python. What is left needs nothing but the mathematical library.
"""

# mypy: ignore-errors

from __future__ import annotations

import base64
import contextlib
import gc
import json
import os
import sys
import traceback
from functools import cache
from typing import Any

LIBRARY = frozenset(
    "acos acosh asin asinh atan atan2 atanh cbrt ceil cos cosh erf erfc exp exp2 expm1 fabs floor fma fmod frexp hypot "
    "ldexp lgamma log log10 log1p log2 memcmp memcpy memmove memset modf pow rint round sin sincos sinh sqrt tan tanh "
    "tgamma trunc nearbyint".split()
)
"""Functions of the C library that machine code may call."""

_ENTRY = "entry"


def compile_unit(job: dict[str, Any]) -> bytes:
    """The machine code of a unit: {"name", "text", "signatures", "symbols"}."""
    import llvmlite.binding as llvm

    machine = _target_machine()
    namespace: dict[str, Any] = {"__name__": f"unit_{job['name']}"}
    exec(compile(job["text"], f"<{job['name']}>", "exec"), namespace)
    whole = None
    for name, signature in job["signatures"].items():
        made = _entry(namespace[name], signature)
        module = llvm.parse_assembly(made._library.get_llvm_str())
        module.get_function(made._wrapper_name).name = job["symbols"][name]
        if whole is None:
            whole = module
        else:
            whole.link_in(module)
    wanted = set(job["symbols"].values())
    for function in whole.functions:
        if not function.is_declaration and function.name not in wanted:
            function.linkage = "internal"
    for variable in whole.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(whole, builder)
    # Counting of references to arrays can be seen to be needless when functions have become one.
    references = llvm.create_new_module_pass_manager()
    references.add_refprune_pass()
    references.run(whole, builder)
    builder.getModulePassManager().run(whole, builder)
    _refuse_foreign(job["name"], whole)
    return machine.emit_object(whole)


@cache
def _target_machine() -> Any:
    """The processor that Numba compiles for; leaves out of its work what only functions called from Python need.

    It would optimise each function and make machine code of it before that becomes part of a unit.
    """
    # Numba imports the one only to look for a BLAS, which no kernel calls, and with the other it colours the text of
    # exceptions by which it tries one type after the other.
    sys.modules.setdefault("scipy.linalg", None)
    sys.modules.setdefault("colorama", None)
    from numba.core import config
    from numba.core.registry import cpu_target

    context = cpu_target.target_context
    codegen = context.codegen()
    machine = codegen._tm
    config.OPT = config.OPT.__class__(0)
    library = codegen._library_class
    library._finalize_specific = lambda library: None
    library._optimize_functions = library._optimize_final_module = lambda *arguments: None
    library.get_pointer_to_function = lambda library, name: library.finalize() if not library._finalized else None
    context.create_cpython_wrapper = lambda *arguments, **keywords: None
    # Only an entry is called from C.
    create_cfunc_wrapper = context.create_cfunc_wrapper
    context.create_cfunc_wrapper = lambda module, description, *arguments, **keywords: (
        create_cfunc_wrapper(module, description, *arguments, **keywords)
        if description.qualname == _ENTRY
        else None
    )
    # Numba wants a built-in function, of which no two are equal.
    context.get_executable = lambda library, description, environment: object().__sizeof__
    _remember_operators()
    return machine


def _remember_operators() -> None:
    """Let Numba find the types of an operator's result once for given operands; it would try all it knows again."""
    import operator

    from numba import types

    operators = {function for function in vars(operator).values() if callable(function)}
    resolve = types.Function.get_call_type
    known: dict[Any, Any] = {}

    def get_call_type(function: Any, context: Any, operands: Any, keywords: Any) -> Any:
        if keywords or function.typing_key not in operators:
            return resolve(function, context, operands, keywords)
        key = function, operands
        if key not in known:
            known[key] = resolve(function, context, operands, keywords)
        return known[key]

    types.Function.get_call_type = get_call_type


def _entry(function: Any, text: str) -> Any:
    """A function that C can call."""
    import numpy as np
    from numba import carray, cfunc, from_dtype, types

    from pyNN.compilation.library import Signature

    signature = Signature(text)
    if not any(is_array for _, is_array in signature.arguments) and signature.result:
        # The function itself, and one function less to compile.
        numbers = [from_dtype(np.dtype(letters)) for letters, _ in signature.arguments]
        function.py_func.__qualname__ = _ENTRY
        return cfunc(from_dtype(np.dtype(signature.result))(*numbers), error_model="numpy")(function.py_func)
    kinds, parameters, arguments = [], [], []
    for number, (letters, is_array) in enumerate(signature.arguments):
        kind = from_dtype(np.dtype(letters))
        parameters.append(f"a{number}")
        if is_array:
            kinds += [types.CPointer(kind), types.int64]
            parameters.append(f"n{number}")
            arguments.append(f"carray(a{number}, (n{number},))")
        else:
            kinds.append(kind)
            arguments.append(f"a{number}")
    result = from_dtype(np.dtype(signature.result)) if signature.result else types.void
    begin = "return " if signature.result else ""
    source = f"def {_ENTRY}({', '.join(parameters)}):\n    {begin}function({', '.join(arguments)})\n"
    namespace = {"function": function, "carray": carray}
    exec(source, namespace)
    return cfunc(result(*kinds), error_model="numpy")(namespace[_ENTRY])


def _refuse_foreign(name: str, module: Any) -> None:
    foreign = [
        function.name
        for function in module.functions
        if function.is_declaration and not function.name.startswith("llvm.") and function.name not in LIBRARY
    ]
    foreign += [v.name for v in module.global_variables if v.is_declaration]
    if foreign:
        raise TypeError(f"{name} allocates memory, raises an exception or calls Python: it needs {', '.join(foreign)}.")


def main() -> None:
    """Compile what comes in on standard input, one line of JSON a unit, until that ends."""
    # What libraries print must not get among the replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Numba makes many objects, of which few go: looking for those costs a tenth of the time.
    gc.set_threshold(500_000)
    # While nothing is asked for yet. What prevents it is the answer to the first unit.
    with contextlib.suppress(Exception):
        _target_machine()
    for line in sys.stdin.buffer:
        try:
            reply = {"code": base64.b64encode(compile_unit(json.loads(line))).decode()}
        except Exception as error:
            reply = {"error": "".join(traceback.format_exception_only(error)).strip()}
        try:
            replies.write(json.dumps(reply).encode() + b"\n")
            replies.flush()
        except BrokenPipeError:
            # The process that asked has ended.
            os._exit(0)
