"""Makes the goldens of tests/parity: what PyTorch, open_clip and FastCLIP's authors compute, in float64.

    /usr/bin/python3 tests/parity/make-goldens.py OPEN_CLIP/src FAST_CLIP/src [OUT]

OPEN_CLIP is a checkout of mlfoundations/open_clip (made with 89fb801), FAST_CLIP one of Optimization-AI/fast_clip
(efd89d5); OUT is by default the folder of this script. Needs torch (made with Debian's 1.13.0) and numpy.
Nothing is copied from those projects: their classes are imported from the checkouts and run.

Weights are random numbers that float32 holds exactly, so the same file serves a float64 and a float32 run. Every
result is float64: a float32 run is held against the truth, not against the rounding of another float32 run; how far
PyTorch's own float32 is from it stands in each file's metadata (`torch_float32_error`, relative to the largest value
of each tensor).
"""

import math
import sys
import types
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import goldens
from goldens import by_path, open_clip

if len(sys.argv) < 3:
    sys.exit(__doc__)
OPEN_CLIP, FAST_CLIP = Path(sys.argv[1]), Path(sys.argv[2])
OUT = Path(sys.argv[3]) if len(sys.argv) > 3 else goldens.HERE

open_clip_module = open_clip(OPEN_CLIP)
CLIP = open_clip_module("model").CLIP
ClipLoss = open_clip_module("loss").ClipLoss
cosine_lr = by_path("scheduler", OPEN_CLIP / "open_clip_train/scheduler.py").cosine_lr
FastCLIPLoss = by_path("fast_clip_loss", FAST_CLIP / "fast_clip/loss.py").FastCLIPLoss

# --- files -----------------------------------------------------------------------------------------------------------


def write_safetensors(name, tensors, metadata):
    goldens.write_safetensors(name, tensors, metadata, OUT)


def write_json(name, value):
    goldens.write_json(name, value, OUT)


def exact(shape, generator, std=1.0):
    """Random numbers, as float64, that float32 holds exactly."""
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * std).float().double()


def scatter_weights(module, generator):
    """No weight stays at a value (0, 1) at which a mistake would not show."""
    with torch.no_grad():
        for name, p in sorted(module.named_parameters()):
            if not p.requires_grad:
                p.copy_(p.float().double())
                continue
            norm = p.dim() == 1 and name.endswith("weight")
            std = 0.3 if norm or p.dim() <= 1 else min(0.5, 2 / math.sqrt(p[0].numel()))
            p.copy_(exact(p.shape, generator, std) + (1.0 if norm else 0.0))
            p.copy_(p.float().double())


# --- models ----------------------------------------------------------------------------------------------------------


def run(module, call):
    """Outputs and gradients of every parameter; `call(module)` gives a dict with the scalar to differentiate as `loss`."""
    module.zero_grad(set_to_none=True)
    outputs = call(module)
    outputs["loss"].backward()
    grads = {f"grad.{k}": p.grad for k, p in module.named_parameters() if p.grad is not None}
    return {k: v.detach().clone() for k, v in {**{f"out.{k}": v for k, v in outputs.items()}, **grads}.items()}


def golden(name, module, call, inputs):
    weights = {f"weight.{k}": v.detach().float().numpy().copy() for k, v in module.named_parameters()}
    truth = run(module, lambda m: call(m, torch.float64))
    single = run(module.float(), lambda m: call(m, torch.float32))
    error = max(((single[k].double() - v).abs().max() / v.abs().max()).item() for k, v in truth.items())
    tensors = {k: v.numpy() for k, v in truth.items()}
    write_safetensors(
        f"{name}.golden.safetensors",
        {**weights, **tensors, **{f"in.{k}": v for k, v in inputs.items()}},
        {"torch": torch.__version__, "torch_float32_error": f"{error:.1e}"},
    )


def clip_model(pool="tok", positions="learnable"):
    vision = dict(layers=2, width=16, head_width=8, mlp_ratio=4.0, patch_size=4, image_size=12, pool_type=pool)
    if positions != "learnable":
        vision["pos_embed_type"] = positions
    text = dict(context_length=7, vocab_size=24, width=16, heads=2, layers=2)
    return CLIP(embed_dim=8, vision_cfg=vision, text_cfg=text).double()


def clip_goldens():
    g = torch.Generator().manual_seed(1)
    images = exact((3, 3, 12, 12), g)
    # The end of text (23) at different places, padding after it; the last row fills the context.
    tokens = torch.tensor([[22, 3, 5, 23, 0, 0, 0], [22, 7, 23, 0, 0, 0, 0], [22, 1, 2, 3, 4, 9, 23]])
    inputs = {"images": images.float().numpy(), "tokens": tokens.int().numpy()}

    model = clip_model()
    scatter_weights(model, g)
    with torch.no_grad():
        model.logit_scale.fill_(torch.tensor(1.7).float().double())

    def both(m, dtype):
        image = m.encode_image(images.to(dtype), normalize=True)
        text = m.encode_text(tokens, normalize=True)
        return {"image": image, "text": text, "loss": ClipLoss()(image, text, m.logit_scale.exp())}

    golden("open-clip", model, both, inputs)

    # Mean pooling, sine-cosine positions: the image tower alone, its features weighted by fixed numbers.
    model = clip_model(pool="avg", positions="sin_cos_2d").visual
    scatter_weights(model, g)
    seed = exact((3, 8), g)

    def image(m, dtype):
        out = F.normalize(m(images.to(dtype)), dim=-1)
        return {"image": out, "loss": (out * seed.to(dtype)).sum()}

    golden("open-clip-visual-mean-sincos", model, image, {"images": inputs["images"], "seed": seed.float().numpy()})


class TimmBlock(nn.Module):
    """timm's block from PyTorch's parts; nn.MultiheadAttention does the attending."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attn(y, y, y, need_weights=True)[0]  # need_weights: the slow path, written out in Python
        return x + self.fc2(nn.GELU()(self.fc1(self.norm2(x))))


class TimmViT(nn.Module):
    """timm's VisionTransformer (fc_norm=False), its fixed sine-cosine positions written as MAE's loop over cells."""

    def __init__(self, grid, patch, width, heads, hidden, layers, pool, sincos):
        super().__init__()
        self.pool = pool
        self.patch_embed = nn.Conv2d(3, width, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid * grid, width), requires_grad=not sincos)
        if sincos:
            with torch.no_grad():
                for row in range(grid):
                    for column in range(grid):
                        cell = []
                        for position in (column, row):
                            angles = [position / 10000 ** (k / (width / 4)) for k in range(width // 4)]
                            cell += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
                        self.pos_embed[0, 1 + row * grid + column] = torch.tensor(cell)
        self.blocks = nn.ModuleList(TimmBlock(width, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images):
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x[:, 0] if self.pool == "class" else x[:, 1:].mean(1)


def timm_name(key):
    for old, new in [("patch_embed.", "patch_embed.proj."), ("attn.in_proj_", "attn.qkv."), ("attn.out_proj", "attn.proj"),
                     (".fc1", ".mlp.fc1"), (".fc2", ".mlp.fc2")]:
        key = key.replace(old, new)
    return key


def timm_goldens():
    g = torch.Generator().manual_seed(2)
    images, seed = exact((2, 3, 16, 16), g), exact((2, 16), g)
    for pool, sincos in [("class", False), ("mean", True)]:
        model = TimmViT(grid=2, patch=8, width=16, heads=4, hidden=32, layers=2, pool=pool, sincos=sincos).double()
        scatter_weights(model, g)

        def call(m, dtype):
            out = m(images.to(dtype))
            return {"image": out, "loss": (out * seed.to(dtype)).sum()}

        golden(f"timm-vit-{pool}-{'sincos' if sincos else 'learned'}", Renamed(model), call,
               {"images": images.float().numpy(), "seed": seed.float().numpy()})


class Renamed(nn.Module):
    """The goldens carry timm's names, the module above PyTorch's."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def named_parameters(self, *args, **kwargs):
        for key, p in self.model.named_parameters(*args, **kwargs):
            yield timm_name(key), p

    def forward(self, x):
        return self.model(x)


def init_golden():
    """Spread of each of open_clip's initial tensors, in a model large enough for it to mean something."""
    torch.manual_seed(3)
    model = CLIP(
        embed_dim=48,
        vision_cfg=dict(layers=2, width=64, head_width=16, patch_size=8, image_size=32),
        text_cfg=dict(context_length=20, vocab_size=200, width=64, heads=4, layers=2),
    )
    spread = {}
    for k, p in model.named_parameters():
        std = p.std(unbiased=False)
        kurtosis = (((p - p.mean()) / std) ** 4).mean().item() if std > 0 else 0.0  # 1.8 uniform, 3 normal
        spread[k] = {"shape": list(p.shape), "mean": p.mean().item(), "std": std.item(), "kurtosis": kurtosis}
    write_json("open-clip-init.golden.json", spread)


# --- losses ----------------------------------------------------------------------------------------------------------


def leaf(x):
    return x.clone().requires_grad_()


def clip_loss_golden(g):
    image, text = (leaf(F.normalize(exact((6, 5), g), dim=1)) for _ in range(2))
    scale = leaf(torch.tensor(14.0, dtype=torch.float64))
    loss = ClipLoss()(image, text, scale)
    loss.backward()
    return dict(image=image.tolist(), text=text.tolist(), scale=scale.item(), loss=loss.item(),
                gradImage=image.grad.tolist(), gradText=text.grad.tolist(), gradScale=scale.grad.item())


def fastclip_golden(g, workers, eps):
    """FastCLIP-v3 as released, its workers one after the other; gradients averaged over them as DDP does."""
    batch, width, rho, tau, data_size = 6, 5, 6.5, 0.13, 9
    b = batch // workers
    losses = [FastCLIPLoss(data_size, 0.3, "constant", 1, rho=rho, eps=eps, multiply_tau=True, device=torch.device("cpu"))
              for _ in range(workers)]
    for loss in losses:
        loss.u_im, loss.u_tt = loss.u_im.double(), loss.u_tt.double()
    steps = []
    # gamma 1 in the first epoch; then 0.3, with samples 6 to 8 seen for the first time.
    for epoch, ids in [(0, [0, 1, 2, 3, 4, 5]), (1, [4, 7, 0, 8, 2, 6]), (2, [1, 2, 3, 7, 8, 0])]:
        image, text = (leaf(F.normalize(exact((batch, width), g), dim=1)) for _ in range(2))
        theta = leaf(torch.tensor(math.log(1 / tau), dtype=torch.float64))
        remote = (image.detach(), text.detach())
        index = torch.tensor(ids)
        local = []
        for k, loss in enumerate(losses):
            loss.adjust_hyperparams(epoch)
            mine = slice(k * b, (k + 1) * b)
            features = (image[mine], text[mine])
            local.append((features, loss.local(features, (index[mine], index[mine]), remote, theta.exp(), offset=k * b)))
        u = [torch.cat([part[1][4][side].detach() for part in local]) for side in (0, 1)]
        total = 0
        for k, (loss, (features, (l1_im, l1_tt, sim_im, sim_tt, own_u))) in enumerate(zip(losses, local)):
            loss.set_params(index, index, u[0], u[1])
            total = total + loss(features, remote, u, (l1_im, l1_tt), own_u, (sim_tt.T, sim_im.T), theta.exp(), k * b)
        (total / workers).backward()
        steps.append(dict(ids=ids, gamma=losses[0].gamma, image=image.tolist(), text=text.tolist(),
                          gradImage=image.grad.tolist(), gradText=text.grad.tolist(), gradTheta=theta.grad.item(),
                          uImage=u[0].flatten().tolist(), uText=u[1].flatten().tolist()))
    return dict(workers=workers, eps=eps, rho=rho, tau=tau, dataSize=data_size, steps=steps)


def loss_goldens():
    g = torch.Generator().manual_seed(4)
    write_json("losses.golden.json", {
        "clip": clip_loss_golden(g),
        "fastclip": [fastclip_golden(g, workers, eps) for workers in (1, 3) for eps in (1e-14, 1e-2)],
    })


# --- optimizer and schedule ------------------------------------------------------------------------------------------


def optim_goldens():
    g = torch.Generator().manual_seed(5)
    shapes = {"a.weight": (3, 4), "b.weight": (2, 3, 2), "b.bias": (4,)}
    params = {k: leaf(exact(s, g)) for k, s in shapes.items()}
    start = {k: p.tolist() for k, p in params.items()}
    decayed = [p for p in params.values() if p.dim() > 1]
    plain = [p for p in params.values() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": 0.2}], lr=1, betas=(0.9, 0.98), eps=1e-6)
    schedule = cosine_lr(optimizer, 0.05, 2, 5)
    steps = []
    for step in range(5):
        schedule(step)
        scale = [1, 0.01, 3, 1, 1e-4][step]  # clipped and not
        grads = {k: exact(s, g, scale) for k, s in shapes.items()}
        for k, p in params.items():
            p.grad = grads[k].clone()
        norm = torch.nn.utils.clip_grad_norm_(list(params.values()), 1.0)
        clipped = {k: p.grad.tolist() for k, p in params.items()}
        optimizer.step()
        steps.append(dict(lr=optimizer.param_groups[0]["lr"], grads={k: v.tolist() for k, v in grads.items()}, norm=norm.item(),
                          clipped=clipped, params={k: p.tolist() for k, p in params.items()}))
    schedules = []
    for peak, warmup, total in [(1e-3, 10, 60), (0.5, 0, 12), (2.0, 1, 7), (3e-4, 12, 12)]:
        fake = types.SimpleNamespace(param_groups=[{"lr": 0}])
        rates = [float(cosine_lr(fake, peak, warmup, total)(s)) for s in range(total)]
        schedules.append(dict(peak=peak, warmup=warmup, total=total, rates=rates))
    write_json("optim.golden.json", {
        "adamw": dict(start=start, shapes=shapes, weightDecay=0.2, beta1=0.9, beta2=0.98, eps=1e-6, maxNorm=1.0, steps=steps),
        "cosine": schedules,
    })


torch.set_num_threads(1)
clip_goldens()
timm_goldens()
init_golden()
loss_goldens()
optim_goldens()
