"""``gpumon run --each``: many scripts and notebooks, each a task of its own; what one does is nothing to the others."""
