"""Allocation strategies, one per file."""
