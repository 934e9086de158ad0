"""Writes compress.golden.json: PI-resize, resized positions and MoCo v3's positions, by their definitions.

Positions: torch's interpolate as open_clip (89fb801, resize_pos_embed) and timm call it, and as DINO's interpolate_pos_encoding does.

PI-resize: FlexiViT (Beyer et al. 2023, section 3.4). B is made by resizing the basis images, its pseudo-inverse is numpy's.
Inputs are sines, so that they need not be stored.   /usr/bin/python3 tests/parity/make-compress-goldens.py
"""

import numpy as np
import torch

from goldens import write_json


def resize(images, mode, **options):
    """images [n, p, p] -> [n, *size]"""
    batch = torch.from_numpy(images)[:, None]
    return torch.nn.functional.interpolate(batch, mode=mode, align_corners=False, **options)[:, 0].numpy()


def sines(*shape):
    return np.sin(np.arange(np.prod(shape), dtype=np.float64) ** 2 + 1).reshape(shape)


def patch_scaling(p, q):
    basis = np.eye(p * p).reshape(-1, p, p)
    B = resize(basis, "bilinear", size=(q, q)).reshape(p * p, q * q).T  # x [p p] -> B x [q q]
    kernel = sines(2, p * p)
    return {"p": p, "q": q, "kernel": (np.linalg.pinv(B.T) @ kernel.T).T.ravel().tolist()}


def positions(base, rows, columns, width=3):
    table = sines(base * base, width)
    grid = table.T.reshape(width, base, base)
    antialiased = resize(grid, "bicubic", size=(rows, columns), antialias=True)
    dino = resize(grid, "bicubic", scale_factor=((rows + 0.1) / base, (columns + 0.1) / base))
    assert dino.shape == antialiased.shape
    tables = {name: table.reshape(width, -1).T.ravel().tolist() for name, table in dict(antialiased=antialiased, dino=dino).items()}
    return {"base": base, "rows": rows, "columns": columns, **tables}


def moco_v3_positions(grid, width):
    """The first half of the width is the slower index of the flattened patches, which is the row."""
    slow, fast = (axis.reshape(-1, 1) for axis in np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij"))
    frequencies = 10000.0 ** -(np.arange(width // 4) / (width // 4))
    parts = [f(axis * frequencies) for axis in (slow, fast) for f in (np.sin, np.cos)]
    return {"grid": grid, "width": width, "table": np.concatenate(parts, axis=1).ravel().tolist()}


golden = {
    "patchScaling": [patch_scaling(p, q) for p, q in [(4, 6), (4, 8), (8, 12), (8, 4), (16, 20), (16, 12)]],
    "positions": [positions(*sizes) for sizes in [(4, 2, 2), (4, 6, 6), (14, 6, 6), (14, 7, 7), (7, 14, 14), (5, 3, 7)]],
    "mocoV3Positions": moco_v3_positions(3, 8),
}
write_json("compress.golden.json", golden)
