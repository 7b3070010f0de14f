"""The page that Prometheus scrapes, made from a few messages."""
