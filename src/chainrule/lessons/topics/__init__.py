"""Topics: the notions of the calculus, one a module; see `lessons.kit`."""
