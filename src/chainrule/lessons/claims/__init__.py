"""Claims: statements as courses word them, each with an experiment; see `lessons.kit`."""
