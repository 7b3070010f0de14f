"""Runs: logging, statistics, keeping, comparing, exporting."""
