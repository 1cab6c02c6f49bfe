"""Every exception and warning that the package raises on purpose.

    PyNNError
    +-- NotSetUpError            (RuntimeError)   a call that needs setup() came before it
    +-- ConnectionError          (ValueError)     a projection that cannot be made
    |   +-- InvalidWeightError                    a weight of the wrong sign or not finite
    |   +-- InvalidDelayError                     a delay outside [min_delay, max_delay], or not finite
    |   +-- ConnectorError                        a connector asked for the impossible
    +-- InvalidParameterValueError (ValueError)   NaN, text where a number is needed, ...
    |   +-- InvalidDimensionsError                a wrong number of values
    |   +-- InvalidTimeError                      a negative time, a time off the grid where that matters
    |   +-- UnitsError                            a text that is not a unit, or units that do not fit
    |   +-- ExpressionError                       an expression in d, i, j that is not allowed or does not evaluate
    +-- NonExistentParameterError (KeyError, AttributeError)  a name the model does not have; lists those it has
    +-- InvalidModelError        (TypeError)      something that is not a model of the wanted kind
    |   +-- EquationError                         equations that cannot be parsed, or whose units do not fit
    +-- NoModelAvailableError    (NotImplementedError)  this backend has no such model
    +-- CapabilityError          (NotImplementedError)  this backend cannot do that
    +-- BackendNotInstalledError (ImportError)    gives the pip line
    +-- MissingPackageError      (ImportError)    an optional package is needed; gives the pip line
    +-- SimulatorError           (RuntimeError)   the simulator below reported an error; its text is in the message
    +-- CommunicationError       (RuntimeError)   MPI ranks that wait for others which do not come
    +-- NotLocalError            (LookupError)    a cell of another MPI rank
    +-- RecordingError           (ValueError)     recording the unrecordable
    +-- NothingToWriteError      (OSError)        a file asked for with no data to put into it
    +-- FileFormatError          (OSError)        a file that is not what it should be
    +-- CheckpointError          (ValueError)     a saved state that belongs to another network, or cannot be resumed
    +-- RecordingFileError       (OSError)        recorded data that cannot be written to their file: a full disk
    +-- InternalError            (RuntimeError)   a defect of this package; please report it
    RoundingWarning, PastSpikesWarning, UnknownOptionWarning, CheckpointWarning, PyNNDeprecationWarning are warnings.

Each is also the builtin in brackets, so that code written against PyNN 0.13 or plain Python still catches it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, valid: Iterable[str]) -> str:
    """" Did you mean 'x'?" for the valid name most like `name`, whatever its case, or nothing."""
    by_lower_case = {str(v).lower(): str(v) for v in valid}
    wanted = str(name).lower()
    found = difflib.get_close_matches(wanted, by_lower_case, n=1)
    if not found and len(wanted) > 1:
        # An abbreviation is too unlike the whole name to be found by its letters.
        found = [v for v in by_lower_case if v.startswith(wanted)][:1]
    return f" Did you mean '{by_lower_case[found[0]]}'?" if found else ""


class PyNNError(Exception):
    """Base of all exceptions of the package."""


class NotSetUpError(PyNNError, RuntimeError):
    """A call that needs a simulation came before setup()."""


class ConnectionError(PyNNError, ValueError):
    """A projection that cannot be made."""


class InvalidWeightError(ConnectionError):
    """A weight of the wrong sign for its receptor, or not finite."""


class InvalidDelayError(ConnectionError):
    """A delay outside [min_delay, max_delay], or not finite."""


class ConnectorError(ConnectionError):
    """A connector asked for something impossible."""


class InvalidParameterValueError(PyNNError, ValueError):
    """A value that a parameter cannot take."""


class InvalidDimensionsError(InvalidParameterValueError):
    """A wrong number of values, or an array of the wrong shape."""


class InvalidTimeError(InvalidParameterValueError):
    """A time that lies in the past, is negative or not a number."""


class UnitsError(InvalidParameterValueError):
    """A text that is not a unit, or units that do not fit each other."""


class ExpressionError(InvalidParameterValueError):
    """An expression (in d, i, j ...) that is not allowed or does not evaluate."""


class NonExistentParameterError(PyNNError, KeyError, AttributeError):
    """A name that the model does not have.

    `kind` says what it would be a name of: "parameter" or "state variable"; `hint`, a sentence, what to do instead.
    Also an AttributeError, so that hasattr() on a cell answers False rather than raising.
    """

    def __init__(
        self,
        parameter_name: str,
        model_name: str,
        valid_parameter_names: Iterable[str] = (),
        kind: str = "parameter",
        hint: str = "",
    ) -> None:
        self.parameter_name = parameter_name
        self.model_name = model_name
        self.valid_parameter_names = sorted(valid_parameter_names)
        self.kind = kind
        self.hint = hint
        super().__init__(parameter_name, model_name, self.valid_parameter_names, kind, hint)

    def __str__(self) -> str:
        valid = ", ".join(self.valid_parameter_names) or "none"
        advice = f" {self.hint}" if self.hint else nearest(self.parameter_name, self.valid_parameter_names)
        return f"{self.model_name} has no {self.kind} '{self.parameter_name}'.{advice} Valid {self.kind}s: {valid}."


class InvalidModelError(PyNNError, TypeError):
    """Something that is not a model of the kind that is needed."""


class EquationError(InvalidModelError):
    """Equations that cannot be parsed, or whose units do not fit."""


class NoModelAvailableError(PyNNError, NotImplementedError):
    """The backend has no such model."""


class CapabilityError(PyNNError, NotImplementedError):
    """The backend cannot do what was asked."""


class BackendNotInstalledError(PyNNError, ImportError):
    """A backend whose simulator is not installed; the message gives the pip line."""


class MissingPackageError(PyNNError, ImportError):
    """An optional package that this call needs is not installed; the message gives the pip line."""


class SimulatorError(PyNNError, RuntimeError):
    """The simulator below a backend reported an error."""


def not_finite(variable: str, cell: int, population: str, value: float, when: str, cells: int) -> SimulatorError:
    """The report of a state that is infinite or no number; `cells`: how many of the population have such states."""
    return SimulatorError(
        f"'{variable}' of cell {cell} of {population} became {value} {when} ({cells} cell(s) affected). Look for "
        "parameters or weights of the wrong magnitude, or use a smaller timestep."
    )


class CommunicationError(PyNNError, RuntimeError):
    """MPI ranks do not do the same: some wait for others, which do not come."""


class NotLocalError(PyNNError, LookupError):
    """A cell that lives on another MPI rank."""


class RecordingError(PyNNError, ValueError):
    """Recording, or reading, what cannot be recorded."""

    def __init__(self, variable: str, cell_type: str, valid: Iterable[str] = ()) -> None:
        self.variable = variable
        self.cell_type = cell_type
        self.valid = list(valid)
        super().__init__(variable, cell_type, self.valid)

    def __str__(self) -> str:
        valid = ", ".join(self.valid) or "nothing"
        return (
            f"Cannot record '{self.variable}' from {self.cell_type}.{nearest(self.variable, self.valid)} "
            f"Recordable: {valid}."
        )


class NothingToWriteError(PyNNError, OSError):
    """A file was asked for, and there is nothing to write into it."""


class FileFormatError(PyNNError, OSError):
    """A file that is not what its name or its reader expects."""


class RecordingFileError(PyNNError, OSError):
    """Recorded data cannot be written to their file; they are kept, and written by the next run() or end()."""


class CheckpointError(PyNNError, ValueError):
    """A saved state that belongs to another network, or a script that cannot go on from one."""


class InternalError(PyNNError, RuntimeError):
    """A defect of this package."""


class RoundingWarning(UserWarning):
    """A time was rounded to the simulation grid."""


class AmbiguousNameWarning(UserWarning):
    """A name in a model has two meanings, of which one was taken."""


class PastSpikesWarning(UserWarning):
    """Spike times were set that are past already, and are not played in this run."""


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written; the one before is still there, and the simulation goes on."""


class UnknownOptionWarning(UserWarning):
    """An option that the backend does not know and that has no effect."""


class PyNNDeprecationWarning(DeprecationWarning):
    """A name of an older API; the message shows the modern line."""
