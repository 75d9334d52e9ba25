"""Printers of lessons: a terminal, HTML pages, LaTeX, JSON; and pictures as SVG."""
