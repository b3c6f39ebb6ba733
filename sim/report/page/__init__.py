"""The report as one offline HTML page: ``sim.report.page.render`` makes it from the document."""
