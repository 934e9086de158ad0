"""Makes resample-pillow.golden.json: what Pillow 12.3 gives for crops of a picture that a formula makes. Run: python resample-pillow.py"""
import base64
import json
import os

import PIL
from PIL import Image


def picture(width, height):
    value = lambda x, y, c: ((x * x * 7 + y * 13 * (c + 1) + x * y * 3 + c * 50) * 37 >> 2) & 255
    return Image.frombytes("RGB", (width, height), bytes(value(x, y, c) for y in range(height) for x in range(width) for c in range(3)))


FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}
CASES = [
    (32, 32, (1, 2, 30, 29), (32, 32), "bicubic"),
    (50, 37, (3, 5, 40, 30), (16, 16), "bicubic"),
    (20, 20, (0, 0, 20, 20), (48, 48), "bicubic"),
    (90, 70, (10, 4, 60, 60), (24, 24), "bilinear"),
    (120, 100, (0, 0, 120, 100), (40, 33), "bicubic"),
    (9, 9, (2, 2, 5, 5), (24, 24), "bilinear"),
]

cases = []
for width, height, box, size, interpolation in CASES:
    x, y, w, h = box
    result = picture(width, height).crop((x, y, x + w, y + h)).resize(size, FILTERS[interpolation])
    pixels = base64.b64encode(result.tobytes()).decode()
    cases.append(dict(width=width, height=height, box=box, size=size, interpolation=interpolation, pixels=pixels))
with open(os.path.join(os.path.dirname(__file__), "resample-pillow.golden.json"), "w") as out:
    json.dump({"pillow": PIL.__version__, "cases": cases}, out)
