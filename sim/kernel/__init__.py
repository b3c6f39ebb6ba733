"""Virtual and wall time, named chance, and links that deliver messages one way."""
