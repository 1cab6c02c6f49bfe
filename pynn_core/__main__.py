"""``python -m pyNN``: the command line tool."""

from pyNN.cli import main

if __name__ == "__main__":
    main()
