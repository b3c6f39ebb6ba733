"""Latency models, one per file, each tested against its law."""
