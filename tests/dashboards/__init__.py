"""Dashboards and alert rules: as files, as Grafana's own types read them, and as a real Prometheus answers them."""
