"""Speed measurements: micro, component, whole run; peers side by side."""
