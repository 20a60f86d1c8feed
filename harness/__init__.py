"""Lago's invoice collection report: load, build, check, publish and answer for it."""

__version__ = "0.1.0"
