"""The energy ledger against the exact integral of simulated power."""
