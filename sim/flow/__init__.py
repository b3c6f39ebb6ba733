"""Background order flow as messages to a venue."""
