"""``gpumon doctor``: looks at all that has to work together, and says of each part whether it does and what to do.

A check is a function from what was asked to lines. Checks run side by side, each for a bounded time.
"""
