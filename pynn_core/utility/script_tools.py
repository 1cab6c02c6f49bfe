"""Around a simulation: the backend from the command line, log files, file names, a message at the end."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from types import ModuleType
from typing import Any

from pyNN.errors import BackendNotInstalledError, InvalidParameterValueError, nearest

SMTPHOST: str | None = None
"""Mail server that notify() uses."""
EMAIL: str | None = None
"""Address that notify() writes to."""

BUILT_IN: Mapping[str, str | None] = {"reference": None, "nest": "nest", "mock": None}
"""Backends of this package, and the Python package that each needs."""


def available_simulators() -> dict[str, str]:
    """Name of every backend that `import pyNN.<name>` knows, with "" or, if it cannot be used yet, the pip line."""
    from pyNN import plugins

    found = {
        name: "" if needed is None or importlib.util.find_spec(needed) else f"pip install 'pynn-core[{name}]'"
        for name, needed in BUILT_IN.items()
    }
    return {**found, **dict.fromkeys(plugins.discover(), "")}


def get_simulator(*arguments: tuple[Any, ...]) -> tuple[ModuleType, argparse.Namespace]:
    """(backend module, options) from the command line, whose first positional argument is the backend's name.

    Each further argument is (name, help) or (name, help, {options of argparse's add_argument}). A name that is not a
    backend ends the script with a message that lists those that are; one that is not installed raises
    BackendNotInstalledError with the pip line.
    """
    available = available_simulators()
    listing = ", ".join(f"{name} (not installed: {pip})" if pip else name for name, pip in available.items())
    parser = argparse.ArgumentParser()
    parser.add_argument("simulator", help=f"the simulator to use: {listing}")
    for argument in arguments:
        name, explanation, *options = argument
        parser.add_argument(name, help=explanation, **(options[0] if options else {}))
    options_found = parser.parse_args()
    simulator = options_found.simulator.lower()
    if simulator not in available:
        parser.error(
            f"there is no simulator '{options_found.simulator}'.{nearest(simulator, available)} Known: {listing}."
        )
    if available[simulator]:
        raise BackendNotInstalledError(
            f"The simulator '{simulator}' is not installed. Install it with: {available[simulator]}"
        )
    options_found.simulator = simulator
    return importlib.import_module(f"pyNN.{simulator}"), options_found


_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def colour(col: str, text: Any) -> str:
    """`text` with the codes that make a terminal show it in a colour, such as "red"."""
    if col not in _COLOURS:
        raise InvalidParameterValueError(
            f"There is no colour {col!r}.{nearest(str(col), _COLOURS)} Known: {', '.join(_COLOURS)}."
        )
    return f"\033[{30 + _COLOURS.index(col)}m{text}\033[0m"


def get_script_args(n_args: int, usage: str = "") -> list[str]:
    """The first `n_args` command-line arguments; InvalidParameterValueError, with `usage`, if there are fewer."""
    given = sys.argv[1:]
    if len(given) < n_args:
        raise InvalidParameterValueError(usage or f"Script requires {n_args} arguments, you supplied {len(given)}")
    return given[:n_args]


def init_logging(
    logfile: str | os.PathLike[str] | None,
    debug: bool = False,
    num_processes: int = 1,
    rank: int = 0,
    level: int | None = None,
) -> logging.Logger:
    """The logger "PyNN", which writes to `logfile` (None: the error stream); one file a rank where there are several.

    The level is DEBUG with `debug`, else INFO, or `level`. Only this logger is configured; calling again replaces its
    output.
    """
    logger = logging.getLogger("PyNN")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    prefix = f"rank {rank} of {num_processes}: " if num_processes > 1 else ""
    if logfile is None:
        output: logging.Handler = logging.StreamHandler()
    else:
        path = f"{os.fspath(logfile)}.{rank}" if num_processes > 1 else os.fspath(logfile)
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        output = logging.FileHandler(path, encoding="utf-8")
    output.setFormatter(
        logging.Formatter(f"{prefix}%(asctime)s %(levelname)-8s [%(name)s] %(message)s (%(filename)s:%(lineno)d)")
    )
    logger.addHandler(output)
    logger.setLevel(level if level is not None else logging.DEBUG if debug else logging.INFO)
    # The script's own root logger, if it has one, must not print everything a second time.
    logger.propagate = False
    return logger


def normalized_filename(
    root: str | os.PathLike[str],
    basename: str,
    extension: str,
    simulator: str,
    num_processes: int | None = None,
    use_iso8601: bool = False,
) -> str:
    """A file name with date and time: root/20260102/basename_simulator_np4_20260102-030405.extension.

    With `use_iso8601`, dates are 2026-01-02 and 2026-01-02T03:04:05. write_data() makes the folder.
    """
    now = datetime.now()
    day, moment = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S") if use_iso8601 else ("%Y%m%d", "%Y%m%d-%H%M%S")
    processes = f"_np{num_processes}" if num_processes is not None else ""
    name = f"{basename}_{simulator}{processes}_{now.strftime(moment)}.{extension.lstrip('.')}"
    return os.path.join(os.fspath(root), now.strftime(day), name)


def notify(
    msg: str = "Simulation finished.",
    subject: str = "Simulation finished.",
    smtphost: str | None = None,
    address: str | None = None,
) -> None:
    """Tell the user that something is over: by mail if `smtphost` and `address` (or SMTPHOST, EMAIL) are given,
    otherwise on the desktop, or else on the error stream with a bell."""
    host, recipient = smtphost or SMTPHOST, address or EMAIL
    if bool(host) != bool(recipient):
        raise InvalidParameterValueError(
            f"A mail needs both a server and an address; smtphost={host!r}, address={recipient!r}."
        )
    if host and recipient:
        _send_mail(msg, subject, host, recipient)
        return
    program = shutil.which("notify-send")
    if program is None or subprocess.run([program, subject, msg], check=False).returncode != 0:
        sys.stderr.write(f"\a{subject}\n" if msg == subject else f"\a{subject}: {msg}\n")


def _send_mail(msg: str, subject: str, host: str, address: str) -> None:
    import smtplib
    from email.message import EmailMessage

    mail = EmailMessage()
    mail["From"] = mail["To"] = address
    mail["Subject"] = subject
    mail.set_content(msg)
    with smtplib.SMTP(host) as server:
        server.send_message(mail)
