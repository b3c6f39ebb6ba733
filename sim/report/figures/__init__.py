"""The report's figures as PNG, drawn from its document. Needs the extra ``report``."""
