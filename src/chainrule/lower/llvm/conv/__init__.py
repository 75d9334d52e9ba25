"""Convolutions, generated for the processor."""
