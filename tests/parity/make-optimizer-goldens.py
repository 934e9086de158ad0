"""Makes optimizers.golden.json: five steps of AdamW, LAMB, Lion and SGD, in float64, and the same with parameters frozen.

    /usr/bin/python3 tests/parity/make-optimizer-goldens.py FAST_CLIP/src DRRHO_CLIP/src

FAST_CLIP is a checkout of Optimization-AI/fast_clip (made with efd89d5), DRRHO_CLIP one of Optimization-AI/DRRho-CLIP
(33d7364). Needs torch (made with Debian's 1.13.0). Nothing is copied from those projects: their `LAMB` and `Lion` are
imported and run, AdamW and SGD are those of torch.optim. Each is also written out below, number by number in plain Python, and the script
fails where the two differ by more than rounding. A frozen parameter's gradient is None in the steps of FROZEN.
"""

import math
import sys
from pathlib import Path

import torch

from goldens import by_path, write_json

if len(sys.argv) != 3:
    sys.exit(__doc__)
SHAPES = {"a.weight": (3, 4), "b.weight": (2, 3, 2), "zero.weight": (2, 2), "b.bias": (4,), "logit_scale": ()}
RATES = [0.01, 0.05, 0.03, 0.02, 0.001]
DECAY = 0.2
FROZEN = {"a.weight": [0, 1, 2], "b.bias": [0, 1], "b.weight": [1, 3]}


LAMB = by_path("fast_clip_optimizer", Path(sys.argv[1]) / "training/optimizer.py").LAMB
Lion = by_path("drrho_optimizer", Path(sys.argv[2]) / "training/optimizer.py").Lion

# --- each rule in plain Python: one tensor as a list of numbers -----------------------------------------------------


def norm(values):
    return math.sqrt(sum(v * v for v in values))


def plain_lamb(w, g, s, t, lr, wd, beta1, beta2, eps):
    m = s.setdefault("m", [0.0] * len(w))
    v = s.setdefault("v", [0.0] * len(w))
    r = []
    for i in range(len(w)):
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
        r.append(m[i] / (1 - beta1**t) / (math.sqrt(v[i] / (1 - beta2**t)) + eps) + wd * w[i])
    ratio = norm(w) / norm(r) if wd and norm(w) > 0 and norm(r) > 0 else 1.0
    return [a - lr * ratio * b for a, b in zip(w, r)]


def plain_adamw(w, g, s, t, lr, wd, beta1, beta2, eps):
    m = s.setdefault("m", [0.0] * len(w))
    v = s.setdefault("v", [0.0] * len(w))
    out = []
    for i in range(len(w)):
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
        out.append(w[i] * (1 - lr * wd) - lr * m[i] / (1 - beta1**t) / (math.sqrt(v[i] / (1 - beta2**t)) + eps))
    return out


def plain_lion(w, g, s, t, lr, wd, beta1, beta2):
    m = s.setdefault("m", [0.0] * len(w))
    out = []
    for i in range(len(w)):
        c = beta1 * m[i] + (1 - beta1) * g[i]
        out.append(w[i] * (1 - lr * wd) - lr * ((c > 0) - (c < 0)))
        m[i] = beta2 * m[i] + (1 - beta2) * g[i]
    return out


def plain_sgd(w, g, s, t, lr, wd, momentum, nesterov):
    m = s.setdefault("m", [0.0] * len(w))
    out = []
    for i in range(len(w)):
        d = g[i] + wd * w[i]
        m[i] = momentum * m[i] + d
        out.append(w[i] - lr * (d + momentum * m[i] if nesterov else m[i]))
    return out


# --- goldens ----------------------------------------------------------------------------------------------------------


def exact(shape, generator):
    """Random numbers, as float64, that float32 holds exactly."""
    return torch.randn(shape, generator=generator, dtype=torch.float64).float().double()


def decayed(name):
    return len(SHAPES[name]) > 1


def run(make, plain, options, start, grads, frozen={}):
    params = {k: v.clone().requires_grad_() for k, v in start.items()}
    # logit_scale in a group of its own, as DRRho-CLIP has it
    groups = [
        {"params": [params[k] for k in SHAPES if decayed(k)], "weight_decay": DECAY},
        {"params": [params["b.bias"]], "weight_decay": 0.0},
        {"params": [params["logit_scale"]], "weight_decay": 0.0, **({"momentum": 0.0} if "momentum" in options else {})},
    ]
    optimizer = make(groups)
    lists = {k: v.flatten().tolist() for k, v in start.items()}
    states = {k: {} for k in SHAPES}
    updates = dict.fromkeys(SHAPES, 0)
    steps = []
    for step, (lr, grad) in enumerate(zip(RATES, grads)):
        live = {k for k in SHAPES if step not in frozen.get(k, [])}
        for k, p in params.items():
            p.grad = grad[k].clone() if k in live else None
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        for k in SHAPES:
            own = {**options, **({"momentum": 0.0, "nesterov": False} if "momentum" in options and k == "logit_scale" else {})}
            if k in live:
                updates[k] += 1
                wd = DECAY if decayed(k) else 0.0
                lists[k] = plain(lists[k], grad[k].flatten().tolist(), states[k], updates[k], lr, wd, **own)
            difference = (torch.tensor(lists[k], dtype=torch.float64) - params[k].detach().flatten()).abs().max().item()
            assert difference < 1e-14, (k, step, difference)
        steps.append({k: p.detach().flatten().tolist() for k, p in params.items()})
    return steps


g = torch.Generator().manual_seed(6)
start = {k: exact(s, g) for k, s in SHAPES.items()}
start["zero.weight"].zero_()  # a norm of 0
grads = [{k: exact(s, g) for k, s in SHAPES.items()} for _ in RATES]
grads[2] = {k: v * 0 for k, v in grads[2].items()}

ADAM = dict(beta1=0.9, beta2=0.98, eps=1e-6)
LION = dict(beta1=0.9, beta2=0.99)
runs = {
    "adamw": (lambda p: torch.optim.AdamW(p, betas=(0.9, 0.98), eps=1e-6), plain_adamw, ADAM),
    "lamb": (lambda p: LAMB(p, betas=(0.9, 0.98), eps=1e-6), plain_lamb, ADAM),
    "lion": (lambda p: Lion(p, betas=(0.9, 0.99)), plain_lion, LION),
    **{
        name: (lambda p, n=n: torch.optim.SGD(p, lr=1, momentum=0.9, nesterov=n), plain_sgd, dict(momentum=0.9, nesterov=n))
        for name, n in [("sgd", False), ("nesterov", True)]
    },
}
golden = {
    "shapes": SHAPES,
    "weightDecay": DECAY,
    "rates": RATES,
    "start": {k: v.flatten().tolist() for k, v in start.items()},
    "grads": [{k: v.flatten().tolist() for k, v in step.items()} for step in grads],
    "runs": {name: run(*rule, start, grads) for name, rule in runs.items()},
    "frozen": FROZEN,
    "frozenRuns": {name: run(*rule, start, grads, FROZEN) for name, rule in runs.items()},
}
write_json("optimizers.golden.json", golden)
