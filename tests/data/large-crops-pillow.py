"""Makes large-crops-pillow.golden.json: crops and evaluation views that Pillow cuts from a picture like a photo.

    /usr/bin/python3 tests/data/large-crops-pillow.py

Made with Debian 12's Pillow 9.4. The picture is noise of seven sizes with a disc and lines of signs; photo.ts makes the same bytes.
"""

import base64
import json
import os

import numpy as np
import PIL
from PIL import Image

WEIGHTS = [4, 6, 10, 16, 26, 42, 68]  # of noise with cells of 2, 4, ... 128 pixels


def hashed(x, y, k):
    with np.errstate(over="ignore"):
        value = (x.astype(np.uint32) * np.uint32(73856093)) ^ (y.astype(np.uint32) * np.uint32(19349663)) ^ np.uint32(k * 83492791 % 2**32)
        return ((value * np.uint32(2654435761)) >> np.uint32(24)).astype(np.int64)


def photo(width, height):
    y, x = np.mgrid[0:height, 0:width]
    out = np.zeros((height, width, 3), np.int64)
    for c in range(3):
        for k, weight in enumerate(WEIGHTS, 1):
            cell = 2**k
            (ix, fx), (iy, fy) = np.divmod(x, cell), np.divmod(y, cell)
            at = lambda dx, dy: hashed(ix + dx, iy + dy, 3 * k + c)
            top = at(0, 0) * (cell - fx) + at(1, 0) * fx
            bottom = at(0, 1) * (cell - fx) + at(1, 1) * fx
            out[..., c] += weight * ((top * (cell - fy) + bottom * fy) // (cell * cell))
    out //= sum(WEIGHTS)
    out[(x - width // 3) ** 2 + (y - height // 3) ** 2 < (height // 5) ** 2] = [200, 60, 40]
    column, row = x % 10 // 2, (y % 24 - 5) // 2
    sign = (x % 10 < 8) & (y % 24 >= 5) & (y % 24 < 19) & (y > height // 2) & (x > width // 4)
    out[sign & (hashed(column + 5 * (x // 10), row + 7 * (y // 24), 99) & 1 == 1)] = 20
    return Image.fromarray(out.astype(np.uint8))


FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}
# width, height, box, size, filter
CROPS = [
    (640, 480, (300, 220, 24, 30), (64, 64), "bicubic"),
    (640, 480, (150, 300, 50, 44), (72, 72), "bilinear"),
    (640, 480, (10, 200, 300, 40), (64, 64), "bicubic"),
    (640, 480, (200, 5, 40, 470), (48, 48), "bilinear"),
    (640, 480, (120, 90, 200, 170), (64, 64), "bicubic"),
    (640, 480, (101, 33, 420, 431), (64, 64), "bicubic"),
    (1000, 750, (303, 41, 651, 700), (48, 48), "bilinear"),
    (1000, 750, (17, 3, 980, 740), (32, 32), "bicubic"),
]
# width, height, side, filter: the shorter side becomes `side`, and the middle is cut
MIDDLES = [(150, 130, 160, "bicubic"), (640, 480, 64, "bicubic"), (1000, 750, 64, "bilinear"), (1000, 750, 32, "bicubic")]


def encoded(image):
    return base64.b64encode(np.asarray(image).tobytes()).decode()


crops = []
for width, height, (x, y, w, h), size, interpolation in CROPS:
    result = photo(width, height).crop((x, y, x + w, y + h)).resize(size, FILTERS[interpolation])
    crops.append(dict(picture=[width, height], box=[x, y, w, h], size=size, interpolation=interpolation, pixels=encoded(result)))
middles = []
for width, height, side, interpolation in MIDDLES:
    shorter = min(width, height)
    resized = (int(side * width / shorter), int(side * height / shorter))  # torchvision's Resize
    left, top = (int(round((n - side) / 2.0)) for n in resized)  # and its CenterCrop
    result = photo(width, height).resize(resized, FILTERS[interpolation]).crop((left, top, left + side, top + side))
    middles.append(dict(picture=[width, height], side=side, interpolation=interpolation, pixels=encoded(result)))
with open(os.path.join(os.path.dirname(__file__), "large-crops-pillow.golden.json"), "w") as out:
    json.dump({"pillow": PIL.__version__, "crops": crops, "middles": middles}, out)
