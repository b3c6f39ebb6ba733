"""The router's settings in a scenario file, one topic per file; ``router.config`` has them all."""
