"""Pure venue logic: books, matching, fees; no event loop, no clock, no files."""
