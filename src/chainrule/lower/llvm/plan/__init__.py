"""From a graph to a plan: what is computed together, in which order, and where it lies."""
