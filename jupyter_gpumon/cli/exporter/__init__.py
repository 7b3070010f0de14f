"""``gpumon serve``: metrics for Prometheus from a node that has no Jupyter server."""
