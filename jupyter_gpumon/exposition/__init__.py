"""What Prometheus scrapes: the latest sample as metric families, by our names, DCGM's or an older exporter's."""
