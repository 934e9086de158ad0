"""Makes cmyk-pillow.golden.json: small CMYK JPEGs without a profile, and what Pillow's convert("RGB") makes of them.

    /usr/bin/python3 tests/data/cmyk-pillow.py

Made with Debian 12's Pillow 9.4. `plain` lacks the marker of Adobe's that Pillow and libjpeg write.
"""

import base64
import io
import json
import os

import numpy as np
import PIL
from PIL import Image

INKS = [(255, 0, 255, 0), (0, 0, 0, 0), (0, 0, 0, 255), (255, 0, 0, 0), (0, 255, 0, 0), (100, 50, 20, 30), (12, 200, 99, 140), (255, 255, 255, 255)]


def without_adobe(jpeg):
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


inks = np.repeat(np.array(INKS, np.uint8)[None], 8, 0).repeat(8, 1)  # blocks of 8 x 8
buffer = io.BytesIO()
Image.fromarray(inks, "CMYK").save(buffer, "JPEG", quality=100, subsampling=0)
adobe = buffer.getvalue()
golden = {"pillow": PIL.__version__}
for name, jpeg in dict(adobe=adobe, plain=without_adobe(adobe)).items():
    image = Image.open(io.BytesIO(jpeg))
    assert image.mode == "CMYK" and "icc_profile" not in image.info
    rgb = np.asarray(image.convert("RGB"))
    golden[name] = dict(size=image.size, jpeg=base64.b64encode(jpeg).decode(), rgb=base64.b64encode(rgb.tobytes()).decode())
with open(os.path.join(os.path.dirname(__file__), "cmyk-pillow.golden.json"), "w") as out:
    json.dump(golden, out)
