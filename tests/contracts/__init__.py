"""One body of tests for every implementation of a protocol."""
