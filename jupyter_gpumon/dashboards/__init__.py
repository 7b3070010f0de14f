"""Grafana dashboards and Prometheus alert rules, as code and as the files made from it.

``files`` hands them out and needs nothing; the other modules make them, at development time, with
grafana-foundation-sdk: ``python -m jupyter_gpumon.dashboards`` writes the files in this folder anew.
"""
