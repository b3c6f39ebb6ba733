"""Readers of external market-data formats, one per file."""
