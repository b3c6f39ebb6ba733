"""Transaction-cost analysis: what an order cost, why, and against what."""
