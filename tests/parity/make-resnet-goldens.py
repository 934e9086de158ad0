"""Makes resnet.golden.safetensors, open-clip-resnet-init.golden.json and open-clip-rn50.golden.json.

    /usr/bin/python3 tests/parity/make-resnet-goldens.py OPEN_CLIP/src

OPEN_CLIP is a checkout of mlfoundations/open_clip (made with 89fb801). Needs torch (made with Debian's 1.13.0) and numpy.
Nothing is copied: open_clip's `ModifiedResNet` and `CLIP` are imported and run.

The first file has a tiny tower: features and gradients in training mode, running
statistics after that step and a second one, features in evaluation mode after both. All results are float64; how far
PyTorch's own float32 is from them stands in the metadata. The second has the spread of initial values, the third the
names, shapes and count of parameters of the whole CLIP RN50.
"""

import json
import math
import sys
from pathlib import Path

import torch

from goldens import open_clip, write_json, write_safetensors

if len(sys.argv) != 2:
    sys.exit(__doc__)
open_clip_module = open_clip(sys.argv[1])
CLIP = open_clip_module("model").CLIP
ModifiedResNet = open_clip_module("modified_resnet").ModifiedResNet


def uniform(seed):
    """Numbers in [-1, 1), the same as `uniform` of tests/contract/numbers.ts: neither weights nor images are stored."""
    state = seed
    while True:
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        x = (state ^ (state >> 15)) * (1 | state) & 0xFFFFFFFF
        x = ((x + ((x ^ (x >> 7)) * (61 | x) & 0xFFFFFFFF)) & 0xFFFFFFFF) ^ x
        yield ((x ^ (x >> 14)) & 0xFFFFFFFF) / 2**31 - 1


def exact(shape, numbers, scale=1.0, shift=0.0):
    """Random numbers, as float64, that float32 holds exactly."""
    values = [next(numbers) * scale + shift for _ in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).float().double().reshape(shape)


def scatter_weights(model, numbers):
    """No weight stays at a value (0, 1) at which a mistake would not show."""
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            gain = ("bn" in name or "downsample.1" in name) and name.endswith("weight")
            scale = 0.4 if p.dim() == 1 else math.sqrt(3 / p[0].numel())
            p.copy_(exact(p.shape, numbers, scale, 1.0 if gain else 0.0))


def thin(gradient):
    """Every 17th number of a large tensor, all of a small one."""
    return gradient.flatten()[:: 17 if gradient.numel() > 2000 else 1]


def run(model, batches, seed, dtype):
    model = model.to(dtype).train()
    out = {}
    features = model(batches[0].to(dtype))
    loss = (features * seed.to(dtype)).sum()
    loss.backward()
    out["out.image"], out["out.loss"] = features, loss
    out.update({f"grad.{k}": thin(p.grad) for k, p in model.named_parameters()})
    out = {k: v.detach().double().clone() for k, v in out.items()}
    for after, batch in [("one", None), ("two", batches[1])]:
        if batch is not None:
            model(batch.to(dtype))
        out.update({f"{after}.{k}": v.double().clone() for k, v in model.named_buffers() if "tracked" not in k})
    with torch.no_grad():
        out["out.evaluated"] = model.eval()(batches[0].to(dtype)).double()
    return out


def tower(seed):
    numbers = uniform(seed)
    model = ModifiedResNet(layers=[2, 1, 1, 1], output_dim=6, heads=4, image_size=64, width=4)
    scatter_weights(model, numbers)
    images, seed = exact((4, 3, 64, 64), numbers).float(), exact((4, 6), numbers)
    batches = [images, images.flip(1)]  # the second has red and blue exchanged
    start = {k: v.clone() for k, v in model.state_dict().items()}
    truth = run(model, batches, seed, torch.float64)
    model.load_state_dict(start)
    model.zero_grad()
    single = run(model, batches, seed, torch.float32)
    del truth["grad.attnpool.k_proj.bias"]  # 0 but for rounding: a softmax does not see what all its scores have
    error, at = max((((single[k] - v).abs().max() / v.abs().max()).item(), k) for k, v in truth.items())
    write_safetensors("resnet.golden.safetensors", {k: v.numpy() for k, v in truth.items()},
                      {"torch": torch.__version__, "torch_float32_error": f"{error:.1e} at {at}"})


def clip(vision, text, embed_dim):
    return CLIP(embed_dim=embed_dim, vision_cfg=vision, text_cfg=text)


def init():
    torch.manual_seed(8)
    model = ModifiedResNet(layers=[1, 2, 1, 1], output_dim=24, heads=4, image_size=64, width=8)
    spread = {}
    for k, p in model.named_parameters():
        std = p.std(unbiased=False)
        kurtosis = (((p - p.mean()) / std) ** 4).mean().item() if std > 0 else 0.0  # 1.8 uniform, 3 normal
        spread[k] = {"shape": list(p.shape), "mean": p.mean().item(), "std": std.item(), "kurtosis": kurtosis}
    write_json("open-clip-resnet-init.golden.json", spread)


def rn50():
    config = json.loads((Path(sys.argv[1]) / "open_clip/model_configs/RN50.json").read_text())
    model = clip(config["vision_cfg"], config["text_cfg"], config["embed_dim"])
    state, buffers = model.state_dict(), {k for k, _ in model.named_buffers()}
    write_json("open-clip-rn50.golden.json", {
        "parameters": sum(p.numel() for p in model.parameters()),
        "heads": model.visual.attnpool.num_heads,
        "shapes": {k: list(v.shape) for k, v in state.items()},
        "buffers": sorted(k for k in state if k in buffers),
    })


torch.set_num_threads(1)
tower(seed=12)
init()
rn50()
