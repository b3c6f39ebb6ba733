"""The smart order router: pure core and the asyncio task around it."""
