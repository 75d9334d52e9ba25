"""Plants for claims on deep networks, losses and uses of gradients."""

from tests.lessons.breaking import Plant, in_record

PLANTS = [
    Plant(
        "sigmoid-vanishes",
        "the derivative of the sigmoid is the sigmoid",
        in_record("sigmoid", partials=(lambda x, y: y,)),
    ),
]
