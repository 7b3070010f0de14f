"""What jupyter-gpumon costs, measured beside a peer in one run; reported as figures and ratios, never asserted."""
