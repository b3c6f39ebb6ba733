"""Best-execution evidence from a run's trail: tables after public rules, decisions, CAT events."""
