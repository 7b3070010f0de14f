"""Health: watches, XIDs, and what they look like on every surface."""
