"""Makes augmentation.golden.json: photometric steps of torchvision on float64 pictures, and Pillow's blur and solarize on bytes.

    /usr/bin/python3 tests/parity/make-augmentation-goldens.py

Made with Debian 12's torch 1.13.0, torchvision 0.14.1 and Pillow 9.4.0. Pictures are [S, S, 3] bytes in base64, results lists of
numbers on the scale of bytes with four decimals.
"""

import base64
import itertools

import numpy
import PIL
import torch
import torchvision
import torchvision.transforms.functional_tensor as F
from PIL import Image, ImageFilter, ImageOps

from goldens import write_json

random = numpy.random.RandomState(4)


def picture(side, kind):
    noise = random.randint(0, 256, (side, side, 3))
    if kind == "noise":
        return noise.astype(numpy.uint8)
    if kind == "few":  # black, white, grays, ties of two channels, pure colours
        return numpy.array([0, 64, 127, 128, 255])[noise % 5].astype(numpy.uint8)
    y, x = numpy.mgrid[0:side, 0:side] / (side - 1)
    return numpy.stack([255 * x, 255 * y * y, 127 + 127 * numpy.sin(5 * x + 3 * y)], 2).astype(numpy.uint8)


def to_floats(pixels):
    return torch.tensor(pixels).permute(2, 0, 1).double() / 255


def result(image):
    return [round(v, 4) for v in (image.permute(1, 2, 0) * 255).flatten().tolist()]


def encoded(pixels):
    return base64.b64encode(pixels.tobytes()).decode()


ADJUST = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]


def jitter_case(order, factors, pixels):
    image = to_floats(pixels)
    for step in order:
        image = ADJUST[step](image, factors[step])
    return dict(order=order, factors=factors, pixels=encoded(pixels), expected=result(image))


def draw_factors(strength, hue):
    low, high = max(0, 1 - strength), 1 + strength
    return [round(v, 6) for v in [*random.uniform(low, high, 3), random.uniform(-hue, hue)]]


KINDS = ["noise", "few", "smooth"]
jitter = [
    jitter_case(list(order), draw_factors(0.8, 0.2), picture(8, KINDS[i % 3]))
    for i, order in enumerate(itertools.permutations(range(4)))
]
# Each step alone, at the ends of its range.
alone = [[0.2, 1, 1, 0], [1.8, 1, 1, 0], [1, 0.2, 1, 0], [1, 1.8, 1, 0], [1, 1, 0, 0], [1, 1, 1.8, 0], [1, 1, 1, 0.5], [1, 1, 1, -0.2]]
jitter += [jitter_case([0, 1, 2, 3], factors, picture(8, KINDS[i % 3])) for i, factors in enumerate(alone)]

steps = []
for kind in KINDS:
    pixels = picture(10, kind)
    image = to_floats(pixels)
    steps.append(
        dict(
            pixels=encoded(pixels),
            grayscale=result(F.rgb_to_grayscale(image, 3)),
            solarize=result(F.solarize(image, 128 / 255)),
            solarizePillow=list(ImageOps.solarize(Image.fromarray(pixels), 128).tobytes()),
        )
    )


def blur_case(side, radius, sigma):
    pixels = picture(side, "noise")
    expected = F.gaussian_blur(to_floats(pixels), [2 * radius + 1] * 2, [sigma] * 2)
    return dict(side=side, radius=radius, sigma=sigma, pixels=encoded(pixels), expected=result(expected))


blur = [blur_case(side, radius, sigma) for side, radius in [(8, 7), (12, 8), (11, 3)] for sigma in [0.1, 0.7, 1.3, 2.0]]

pixels = picture(24, "noise")
pillow = [
    dict(sigma=sigma, pixels=encoded(pixels), expected=list(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)).tobytes()))
    for sigma in [0.5, 1.0, 2.0]
]


def whole(pixels):
    order, factors, sigma = [3, 1, 0, 2], draw_factors(0.8, 0.2), 1.1
    image = to_floats(pixels)
    for step in order:
        image = ADJUST[step](image, factors[step])
    image = F.rgb_to_grayscale(image, 3)
    image = F.gaussian_blur(image, [17, 17], [sigma, sigma])
    image = F.solarize(image, 128 / 255)
    return dict(order=order, factors=factors, sigma=sigma, pixels=encoded(pixels), expected=result(image))


made_with = dict(torch=torch.__version__, torchvision=torchvision.__version__, pillow=PIL.__version__)
golden = dict(madeWith=made_with, jitter=jitter, steps=steps, blur=blur, pillowBlur=pillow, whole=[whole(picture(12, kind)) for kind in KINDS])
write_json("augmentation.golden.json", golden, separators=(",", ":"))
