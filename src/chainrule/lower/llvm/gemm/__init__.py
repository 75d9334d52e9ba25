"""Matrix products, generated for the processor."""
