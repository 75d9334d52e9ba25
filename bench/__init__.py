"""Measurements of chainrule beside its peers: ``python -m bench`` (see ``__main__``)."""

import os

# One thread for all libraries: ratios then compare work, not how a busy machine shares its cores.
# It has to be said before any of them is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
