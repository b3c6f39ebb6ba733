"""Trading venues: pure cores and the asyncio tasks around them."""
