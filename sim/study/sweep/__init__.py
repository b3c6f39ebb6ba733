"""Sweeps: one scenario at many points, each with many seeds, and what can be said of it."""
