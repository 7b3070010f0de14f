"""Whose energy it was: a device's energy divided among the cells, kernels and processes that were on it.

``charges`` is the door, fed by the stream; ``attribution`` divides over time, ``claims`` nest and overlap, ``shares``
divide one moment, ``pages`` keep the sums.
"""
