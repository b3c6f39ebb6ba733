"""The trail of a run: its audit records folded once into what every analysis reads."""
