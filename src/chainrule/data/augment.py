"""Changes of images that keep what they show, decided by a random key.

Images are arrays (n, height, width) or (n, channels, height, width), on the host: in a `Loader`
with ``prefetch`` they are changed by another thread while a native step runs.

>>> import numpy as np
>>> import chainrule as cr
>>> from chainrule.data import augment
>>> transform = augment.compose(augment.random_shift(2), augment.random_flip())
>>> transform
compose(random_shift(2), random_flip())
>>> transform(cr.random.key(0), np.ones((16, 28, 28), np.float32)).shape
(16, 28, 28)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import random
from chainrule.core.errors import ArgumentError, DomainError, ShapeError
from chainrule.data.checks import at_least
from chainrule.tensor import Tensor

__all__ = [
    "Augmentation",
    "compose",
    "normalise",
    "random_crop",
    "random_flip",
    "random_rotation",
    "random_shift",
]


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """A pure function ``(key, images) -> images``; the same key makes the same changes.

    Args:
        name: the call that makes it; it stands for the transform in messages and fingerprints.
        change: the function.

    Raises (when called):
        ShapeError: if these are no images.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.data.augment import Augmentation
    >>> inverted = Augmentation("inverted", lambda key, images: 1 - images)
    >>> inverted(cr.random.key(0), np.zeros((1, 2, 2)))[0].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    name: str
    change: Callable[[Tensor, np.ndarray], np.ndarray]

    def __call__(self, key: Tensor, images: np.ndarray) -> np.ndarray:
        if images.ndim not in (3, 4):
            raise ShapeError(
                f"{self.name}: images have the shape (n, height, width) or (n, channels, height, "
                f"width), these {images.shape}; reshape the inputs of the data set"
            )
        return self.change(key, images)

    def __repr__(self) -> str:
        return self.name


def compose(*transforms: Callable[[Tensor, np.ndarray], np.ndarray]) -> Augmentation:
    """One after the other, each with a key of its own.

    Raises:
        ArgumentError: if one of them is no function.
    """
    for transform in transforms:
        if not callable(transform):
            raise ArgumentError(f"compose takes functions (key, images), not {transform!r}")

    def change(key: Tensor, images: np.ndarray) -> np.ndarray:
        for number, transform in enumerate(transforms):
            images = transform(random.fold_in(key, number), images)
        return images

    named = [getattr(transform, "__qualname__", repr(transform)) for transform in transforms]
    return Augmentation(f"compose({', '.join(named)})", change)


def random_shift(pixels: int, fill: float = 0.0) -> Augmentation:
    """Each image moved by up to ``pixels`` along both axes; what comes in has the value ``fill``.

    Raises:
        DomainError: if ``pixels`` is below 1.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.data import augment
    >>> image = np.zeros((1, 3, 3))
    >>> image[0, 1, 1] = 1
    >>> int(augment.random_shift(1)(cr.random.key(3), image).sum())
    1
    """
    at_least("random_shift", 1, pixels=pixels)

    def change(key: Tensor, images: np.ndarray) -> np.ndarray:
        return _cropped(key, images, images.shape[-2:], pixels, fill)

    return Augmentation(_call("random_shift", pixels, fill=fill), change)


def random_crop(size: int | tuple[int, int], padding: int = 0, fill: float = 0.0) -> Augmentation:
    """A part of each image at a random place.

    Args:
        size: height and width of the part; a number for both.
        padding: pixels put around the image first.
        fill: their value.

    Raises:
        DomainError: if a size is below 1, or the padding below 0.
        ShapeError: when called, if the padded images are smaller than the part.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.data import augment
    >>> augment.random_crop(32, padding=4)(cr.random.key(0), np.zeros((2, 3, 32, 32))).shape
    (2, 3, 32, 32)
    """
    height, width = size if isinstance(size, tuple) else (size, size)
    at_least("random_crop", 1, height=height, width=width)
    at_least("random_crop", 0, padding=padding)
    name = _call("random_crop", size, padding=padding, fill=fill)

    def change(key: Tensor, images: np.ndarray) -> np.ndarray:
        room = [extent + 2 * padding for extent in images.shape[-2:]]
        if height > room[0] or width > room[1]:
            raise ShapeError(
                f"{name}: the images are {images.shape[-2]} × {images.shape[-1]}, with padding "
                f"{room[0]} × {room[1]}, smaller than the part"
            )
        return _cropped(key, images, (height, width), padding, fill)

    return Augmentation(name, change)


def random_flip(p: float = 0.5, axis: int = -1) -> Augmentation:
    """Each image mirrored with probability ``p``: left to right, or for axis −2 top to bottom.

    Raises:
        DomainError: if ``p`` is no probability, or the axis none of -1 and -2.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.data import augment
    >>> augment.random_flip(p=1.0)(cr.random.key(0), np.array([[[1, 2, 3]]])).tolist()
    [[[3, 2, 1]]]
    """
    if not 0 <= p <= 1 or axis not in (-1, -2):
        raise DomainError(f"random_flip: p is from 0 to 1 and axis -1 or -2, not {p} and {axis}")

    def change(key: Tensor, images: np.ndarray) -> np.ndarray:
        flipped = random.uniform(key, len(images)).numpy() < p
        changed = images.copy()
        changed[flipped] = np.flip(images[flipped], axis)
        return changed

    return Augmentation(_call("random_flip", *([] if p == 0.5 else [p]), axis=axis), change)


def random_rotation(degrees: float, fill: float = 0.0) -> Augmentation:
    """Each image turned about its middle by up to ``degrees`` to either side.

    A pixel becomes the bilinear mean of the four at the place where it comes from; beyond the
    border they have the value ``fill``. Images of integers are rounded.

    Raises:
        DomainError: if ``degrees`` is not above 0 and finite.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.data import augment
    >>> augment.random_rotation(10.0)(cr.random.key(0), np.ones((2, 5, 5)))[0, 2].tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    if not 0 < degrees < np.inf:
        raise DomainError(f"random_rotation: degrees is above 0 and finite, not {degrees}")

    def change(key: Tensor, images: np.ndarray) -> np.ndarray:
        bound = np.deg2rad(degrees)
        return _rotated(random.uniform(key, len(images), -bound, bound).numpy(), images, fill)

    return Augmentation(_call("random_rotation", degrees, fill=fill), change)


def normalise(mean: float | Sequence[float], std: float | Sequence[float]) -> Augmentation:
    """(images − mean) / std, the same for every key; integers become float32.

    Args:
        mean, std: numbers, or one for each channel of images (n, channels, height, width).

    Raises:
        DomainError: if a standard deviation is not above 0.
        ShapeError: when called, if there are not as many channels.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.data import augment
    >>> augment.normalise(128.0, 64.0)(cr.random.key(0), np.full((1, 1, 2), 192, np.uint8)).tolist()
    [[[1.0, 1.0]]]
    """
    centre, scale = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    if not (scale > 0).all():
        raise DomainError(f"normalise: std is above 0, not {std}")
    name = f"normalise({mean}, {std})"
    channels = {len(value) for value in (centre, scale) if value.ndim}
    if channels:
        centre, scale = (np.reshape(value, (-1, 1, 1)) for value in (centre, scale))

    def change(key: Tensor, images: np.ndarray) -> np.ndarray:
        if channels and (images.ndim != 4 or channels != {images.shape[1]}):
            raise ShapeError(
                f"{name}: a number for each channel needs images (n, channels, height, width) of "
                f"as many, these are {images.shape}"
            )
        dtype = images.dtype if images.dtype.kind == "f" else np.dtype(np.float32)
        # the mean first: what is near it keeps its digits
        changed: np.ndarray = (images.astype(dtype) - centre.astype(dtype)) / scale.astype(dtype)
        return changed

    return Augmentation(name, change)


# -- helpers ---------------------------------------------------------------------------------------


def _cropped(
    key: Tensor, images: np.ndarray, size: tuple[int, ...], padding: int, fill: float
) -> np.ndarray:
    """Parts of the padded images, at places that are equally likely."""
    widths = [(0, 0)] * (images.ndim - 2) + [(padding, padding)] * 2
    padded = np.pad(images, widths, constant_values=fill) if padding else images
    windows: np.ndarray = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(-2, -1))
    places = windows.shape[-4:-2]
    top, left = (
        random.randint(own, len(images), 0, count).numpy()
        for own, count in zip(random.split(key), places, strict=True)
    )
    each = np.arange(len(images))
    parts: np.ndarray = (
        windows[each, top, left] if images.ndim == 3 else windows[each, :, top, left]
    )
    return parts


def _rotated(angles: np.ndarray, images: np.ndarray, fill: float) -> np.ndarray:
    """The images (n, …, height, width), each turned by its angle in radians."""
    height, width = images.shape[-2:]
    stacked = images.reshape(len(images), -1, height, width)
    dtype = images.dtype if images.dtype.kind == "f" else np.dtype(np.float32)
    padded = np.full((*stacked.shape[:2], height + 3, width + 3), fill, dtype)
    padded[..., 1:-2, 1:-2] = stacked
    y = (np.arange(height) - (height - 1) / 2)[:, None]
    x = np.arange(width) - (width - 1) / 2
    cosine, sine = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    # where each pixel comes from, in the padded image; what is further out has the same value
    row = np.clip(cosine * y - sine * x + (height + 1) / 2, 0, height + 1)
    column = np.clip(sine * y + cosine * x + (width + 1) / 2, 0, width + 1)
    top, left = row.astype(np.intp), column.astype(np.intp)
    down, right = (row - top).astype(dtype)[:, None], (column - left).astype(dtype)[:, None]
    flat = padded.reshape(*stacked.shape[:2], -1)
    places = (top * (width + 3) + left).reshape(len(images), 1, -1)

    def pixel(offset: int) -> np.ndarray:
        return np.take_along_axis(flat, places + offset, axis=2).reshape(stacked.shape)

    upper = pixel(0) * (1 - right) + pixel(1) * right
    lower = pixel(width + 3) * (1 - right) + pixel(width + 4) * right
    turned: np.ndarray = (upper * (1 - down) + lower * down).reshape(images.shape)
    if images.dtype.kind == "f":
        return turned
    rounded: np.ndarray = np.rint(turned).astype(images.dtype)
    return rounded


def _call(name: str, *given: Any, **options: Any) -> str:
    usual = {"fill": 0.0, "padding": 0, "axis": -1}
    listed = [str(value) for value in given]
    listed += [f"{what}={value}" for what, value in options.items() if value != usual[what]]
    return f"{name}({', '.join(listed)})"
