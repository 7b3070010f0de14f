"""Runs: what is logged in an experiment, where it is kept, and how two of them compare. Nothing here samples."""
