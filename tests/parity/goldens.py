"""What the scripts make-*-goldens.py share: importing checkouts, and writing files."""

import importlib
import importlib.util
import json
import struct
import sys
import types
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

HERE = Path(__file__).parent
CODES = {np.dtype("float64"): "F64", np.dtype("float32"): "F32", np.dtype("int32"): "I32", np.dtype("int64"): "I64"}


def by_path(name, path):
    """Imports one file of a checkout."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    """F.scaled_dot_product_attention of torch 2."""
    assert dropout_p == 0 and not is_causal
    scores = query @ key.transpose(-2, -1) * (scale or query.shape[-1] ** -0.5)
    return (scores if attn_mask is None else scores + attn_mask).softmax(-1) @ value


def open_clip(source):
    """A function that imports modules of open_clip from `source`, also with torch 1.13."""
    if not hasattr(torch, "compiler"):
        torch.compiler = types.SimpleNamespace(disable=lambda f=None, **_: f or (lambda g: g), is_compiling=lambda: False)
    if not hasattr(F, "scaled_dot_product_attention"):
        F.scaled_dot_product_attention = attention
    package = types.ModuleType("open_clip")  # the package's own __init__ imports what is not installed
    package.__path__ = [str(Path(source) / "open_clip")]
    sys.modules["open_clip"] = package
    return lambda name: importlib.import_module(f"open_clip.{name}")


def write_safetensors(name, tensors, metadata, out=HERE):
    """Widest elements first, then by name."""
    header, blobs, offset = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, [], 0
    for key, value in sorted(tensors.items(), key=lambda kv: (-kv[1].dtype.itemsize, kv[0])):
        blob = np.ascontiguousarray(value).tobytes()
        header[key] = {"dtype": CODES[value.dtype], "shape": list(value.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (out / name).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    print(f"{name}: {len(tensors)} tensors, {8 + len(text) + offset} bytes, {metadata}")


def write_json(name, value, out=HERE, **options):
    (out / name).write_text(json.dumps(value, **options) + "\n")
    print(f"{name}: {(out / name).stat().st_size} bytes")
