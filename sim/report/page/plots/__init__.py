"""The charts of the page, as data for plotly; colours are names that the page's style resolves."""
