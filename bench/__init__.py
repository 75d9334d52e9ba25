"""Measurements of chainrule beside its peers: ``python -m bench`` (see ``__main__``)."""
