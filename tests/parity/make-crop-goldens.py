"""Makes crop.golden.json: boxes of torchvision's RandomResizedCrop, with the numbers that it drew for each.

    /usr/bin/python3 tests/parity/make-crop-goldens.py

Made with Debian 12's torch 1.13.0 and torchvision 0.14.1. A case is a picture's size, the limits, the tries as [share of the area,
logarithm of the aspect], the place as [top, left] where a try fitted, and the box as [top, left, height, width].
"""

import torch
import torchvision
from torchvision.transforms import RandomResizedCrop

from goldens import write_json

SIZES = [(32, 32), (64, 48), (31, 500), (500, 21), (1, 1), (9, 400), (640, 427)]  # width, height
LIMITS = [([0.08, 1.0], [3 / 4, 4 / 3]), ([0.9, 1.0], [0.9, 1.1]), ([0.05, 0.4], [3 / 4, 4 / 3])]
CASES = 8

drawn = []
uniform, randint = torch.Tensor.uniform_, torch.randint


def recorded_uniform(self, *limits):
    drawn.append(uniform(self, *limits).item())
    return self


def recorded_randint(*args, **kwargs):
    result = randint(*args, **kwargs)
    drawn.append(result.item())
    return result


torch.manual_seed(5)
torch.Tensor.uniform_, torch.randint = recorded_uniform, recorded_randint
cases = []
for width, height in SIZES:
    for scale, ratio in LIMITS:
        for _ in range(CASES):
            drawn.clear()
            box = RandomResizedCrop.get_params(torch.empty(3, height, width), scale, ratio)
            placed = any(isinstance(value, int) for value in drawn)
            tries, place = (drawn[:-2], drawn[-2:]) if placed else (drawn[:], None)
            cases.append(
                dict(
                    size=[width, height],
                    scale=scale,
                    ratio=ratio,
                    tries=[list(pair) for pair in zip(tries[::2], tries[1::2])],
                    place=place,
                    box=[int(value) for value in box],
                )
            )

made = dict(torch=torch.__version__, torchvision=torchvision.__version__)
write_json("crop.golden.json", dict(madeWith=made, cases=cases))
print(len(cases), "cases,", sum(case["place"] is None for case in cases), "without a try that fits")
