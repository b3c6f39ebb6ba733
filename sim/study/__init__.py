"""Everything that runs a world again, or a part of it, to answer a question about it."""
