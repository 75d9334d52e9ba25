"""Mistakes to plant, by chapter: each module has a list ``PLANTS``."""

from importlib import import_module
from pkgutil import iter_modules

from tests.lessons.breaking import Plant

PLANTS: list[Plant] = [
    plant
    for module in iter_modules(__path__)
    for plant in import_module(f"{__name__}.{module.name}").PLANTS
]
