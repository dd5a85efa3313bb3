"""Stands in for the real package, so that a command line reads `-m tractor._child`."""
