"""Policies: what this server does by itself when a rule fires. Off unless its configuration says what to do.

Only to the kernels of this very server and their processes; after a countdown that a page can stop; each action is
written down with its cause.
"""
