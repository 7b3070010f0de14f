"""Exporter, Prometheus and Grafana as processes of this user: started and stopped by ``gpumon up`` and ``down``."""
