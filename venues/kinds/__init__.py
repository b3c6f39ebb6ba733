"""Venue kinds, one per file: a config model and a builder."""
