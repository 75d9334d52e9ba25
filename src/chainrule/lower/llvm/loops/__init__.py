"""Loop kernels: expressions, views and reductions along vectors."""
