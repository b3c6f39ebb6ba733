"""The audit log: records, writer, an independent verifier, invariants."""
