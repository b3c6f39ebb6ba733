"""Where a router that is not ours stands in a run: it sends, hears, and is written down."""
