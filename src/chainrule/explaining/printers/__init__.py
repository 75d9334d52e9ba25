"""Printers of explanations. Each writes the same `outline` in its own way."""
