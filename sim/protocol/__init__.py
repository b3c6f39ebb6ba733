"""The words that all parts share: units, enums, ids, messages, errors, the version."""
