"""Units of machine code, and the functions in them."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import metadata
from typing import Any

import numpy as np

from pyNN.compilation import cache as files
from pyNN.errors import InternalError

logger = logging.getLogger("PyNN")

_CTYPES: dict[str, Any] = {
    "i4": ctypes.c_int32, "i8": ctypes.c_int64, "u4": ctypes.c_uint32, "u8": ctypes.c_uint64, "f8": ctypes.c_double,
}  # fmt: skip
_SOURCES = ("pyNN.compilation.pointers", "pyNN.compilation.worker")
_CHECK_BYTES = 16


@dataclass(frozen=True)
class Signature:
    """The kinds of a function's arguments and of its result, in the letters of NumPy: "i8 f8* -> i8".

    "f8*" is a C-contiguous array; compiled code gets it with one dimension. Without "->" there is no result.
    """

    text: str

    @cached_property
    def result(self) -> str:
        return self.text.partition("->")[2].strip()

    @cached_property
    def arguments(self) -> tuple[tuple[str, bool], ...]:
        """(letters, whether it is an array) of each argument."""
        return tuple((word.rstrip("*"), word.endswith("*")) for word in self.text.partition("->")[0].split())

    @cached_property
    def prototype(self) -> Any:
        kinds: list[Any] = []
        for letters, is_array in self.arguments:
            kinds += [ctypes.c_void_p, ctypes.c_int64] if is_array else [_CTYPES[letters]]
        return ctypes.CFUNCTYPE(_CTYPES[self.result] if self.result else None, *kinds)


@dataclass(frozen=True)
class Unit:
    """What is compiled together: the text of a module, and its functions that are wanted, by name."""

    name: str
    source: str | Callable[[], str]
    signatures: Mapping[str, str]
    depends: tuple[str, ...] = ()
    """Modules of which the text imports compiled functions."""
    key: str = ""
    """Identifies the text, where that is only made to be compiled."""

    @cached_property
    def identity(self) -> str:
        """Identifies the machine code: differs with the text, the compiler and the processor."""
        wanted = repr(sorted(self.signatures.items()))
        sources = (files.source_text(module) for module in (*_SOURCES, *self.depends))
        return files.digest(self.key or self.text, wanted, *sources, *_compiler(), *_processor())

    @property
    def text(self) -> str:
        return self.source if isinstance(self.source, str) else self.source()

    @property
    def file(self) -> str:
        return f"{files.identifier(self.name)}_{self.identity}.o"

    def symbol(self, function: str) -> str:
        return f"pynn_{self.identity}_{function}"


@cache
def _compiler() -> tuple[str, ...]:
    return metadata.version("numba"), metadata.version("llvmlite")


@cache
def _processor() -> tuple[str, ...]:
    binding = _llvm()
    features = binding.get_host_cpu_features().flatten()
    return binding.get_process_triple(), binding.get_host_cpu_name(), features


@cache
def _llvm() -> Any:
    import llvmlite.binding as binding

    try:
        binding.initialize()
    except RuntimeError:
        # From version 0.45 on this happens by itself, and asking for it is an error.
        pass
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@cache
def _engine() -> Any:
    binding = _llvm()
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(cpu=binding.get_host_cpu_name(), codemodel="jitdefault", jit=True)
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


class Function:
    """A compiled function; other threads run while it does."""

    def __init__(self, name: str, address: int, signature: Signature) -> None:
        self.name = name
        self.address = address
        self._call = signature.prototype(address)
        self._kinds = tuple(np.dtype(letters) if is_array else None for letters, is_array in signature.arguments)

    def __call__(self, *arguments: Any) -> Any:
        values = []
        for kind, argument in zip(self._kinds, arguments, strict=True):
            if kind is None:
                values.append(argument)
            elif argument.dtype == kind and argument.flags.c_contiguous:
                values += [argument.ctypes.data, argument.size]
            else:
                raise InternalError(f"{self.name} takes contiguous arrays of {kind}, not of {argument.dtype}.")
        return self._call(*values)


@dataclass
class Library:
    """The functions of a unit, ready to be called."""

    unit: Unit
    functions: dict[str, Function] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Function:
        return self.functions[name]


_lock = threading.Lock()
_loaded: dict[str, Library] = {}
_announced: set[str] = set()
_pending: dict[str, Future[bytes]] = {}
_waited: list[float] = []


def sealed(code: bytes) -> bytes:
    """Machine code with a checksum in front."""
    return hashlib.blake2b(code, digest_size=_CHECK_BYTES).digest() + code


def _stored(unit: Unit) -> bytes | None:
    """The machine code of a unit if it is there, and whole."""
    data = files.read(unit.file)
    if data is None:
        return None
    code = data[_CHECK_BYTES:]
    if sealed(code) != data:
        logger.warning("The stored machine code %s is damaged; it is compiled anew.", unit.file)
        return None
    return code


def request(unit: Unit) -> None:
    """Begin to compile a unit that is not there yet, without waiting for it; asked again, it does not look again."""
    if unit.identity not in _announced:
        _announced.add(unit.identity)
        _requested(unit)


def expect() -> None:
    """Have a worker start, if this process has asked for units: one that is not there is about to be wanted."""
    if _announced:
        from pyNN.compilation.pool import wake

        wake()


def is_ready(unit: Unit) -> bool:
    """Whether a unit can be loaded at once, because somebody has had it compiled."""
    pending = _pending.get(unit.identity)
    return unit.identity in _loaded or (pending.done() if pending is not None else _stored(unit) is not None)


def _requested(unit: Unit) -> Future[bytes] | None:
    with _lock:
        if unit.identity in _loaded:
            return None
        if unit.identity not in _pending:
            if _stored(unit) is not None:
                return None
            from pyNN.compilation.pool import submit

            logger.info("Compiling %s.", unit.name)
            _pending[unit.identity] = submit(unit, lambda: _stored(unit))
        return _pending[unit.identity]


def load(unit: Unit) -> Library:
    """The functions of a unit, compiled now if they are not there yet."""
    library = _loaded.get(unit.identity)
    if library is not None:
        return library
    began = time.perf_counter()
    try:
        return _load(unit)
    finally:
        _waited.append(time.perf_counter() - began)


def seconds_waited() -> float:
    """How long this process has waited for machine code, compiled or loaded, up to now."""
    return sum(_waited)


def _load(unit: Unit) -> Library:
    pending = _requested(unit)
    code = pending.result() if pending is not None else _stored(unit)
    if code is None:
        raise InternalError(f"The machine code {unit.file} vanished while it was being loaded.")
    with _lock:
        _pending.pop(unit.identity, None)
        if unit.identity not in _loaded:
            _loaded[unit.identity] = _linked(unit, code)
        return _loaded[unit.identity]


def _linked(unit: Unit, code: bytes) -> Library:
    engine = _engine()
    engine.add_object_file(_llvm().ObjectFileRef.from_data(code))
    engine.finalize_object()
    library = Library(unit)
    for name, text in unit.signatures.items():
        address = engine.get_function_address(unit.symbol(name))
        if not address:
            raise InternalError(f"The machine code {unit.file} has no function '{name}'.")
        library.functions[name] = Function(name, address, Signature(text))
    return library
