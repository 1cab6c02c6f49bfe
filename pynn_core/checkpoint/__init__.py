"""Saving a whole simulation in a file, and going on from it, bit for bit as if it had not stopped."""
