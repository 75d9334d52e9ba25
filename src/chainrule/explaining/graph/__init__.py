"""The computational graph of one run: its nodes by the user's names, with values and cotangents.

* `naming`: what the user's own code calls the results of its lines.
* `recording`: the run, forward and backward, as data for tables and pictures.
"""
