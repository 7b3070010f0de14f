"""``gpumon watch``: every GPU live in the terminal, with its last minutes, processes by notebook, and what happened."""
