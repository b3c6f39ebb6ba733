"""Tables and figures, computed from the audit log alone."""
