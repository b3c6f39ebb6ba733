"""The command line; commands load lazily."""
