"""The report of a run as one document: what every form of it (page, text, JSON, figures) shows."""
