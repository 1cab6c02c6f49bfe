"""Checks that a backend keeps the contract of `pyNN.backend`, for authors of backends.

With the backend installed (see docs, "How to add a backend"), this runs them all::

    pytest -p pyNN.testing.plugin --pynn-backend mybackend --pyargs pyNN.testing.conformance

In a test suite of one's own it takes a file with ``from pyNN.testing.conformance import *`` and a fixture ``backend``
that returns the backend instance.
"""
