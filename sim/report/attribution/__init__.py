"""Fill-shortfall attribution: one cause for each lot that was asked for and not filled."""
