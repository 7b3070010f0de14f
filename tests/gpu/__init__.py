"""Tests on real hardware: ``pytest -m gpu tests/gpu``."""
