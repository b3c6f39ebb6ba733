"""Simulates several trading venues at once and a smart order router that works across them."""
