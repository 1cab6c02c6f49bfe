"""The command line tool, `pynn` or ``python -m pyNN``."""

from __future__ import annotations


def main() -> None:
    """Entry point of the console script."""
    from pyNN.installation import verify_imported

    verify_imported()
    from pyNN.cli.app import pynn

    pynn(prog_name="pynn")
