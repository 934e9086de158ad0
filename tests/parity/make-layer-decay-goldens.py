"""Makes layer-decay.golden.json: five steps of torch.optim.AdamW and SGD, each parameter at the rate of its depth, in float64.

    python3 tests/parity/make-layer-decay-goldens.py

Needs torch (made with 2.13). The depths stand below by hand: 0 are embeddings, then the blocks, and one more for what follows. A
parameter at depth d of a tower with L blocks learns at lr * 0.75^(L + 1 - d); what was loaded at a tenth of that.
"""

import torch

from goldens import write_json

DECAY, LAYER_DECAY, LOADED_RATE = 0.2, 0.75, 0.1
RATES = [0.01, 0.05, 0.03, 0.02, 0.001]
LAYERS = {"image": 2, "text": 1}
# name: shape, tower and depth (none: at the whole rate), whether it decays, whether it was loaded
PARAMETERS = {
    "visual.conv1.weight": ((2, 3, 1, 1), ("image", 0), True, True),
    "visual.class_embedding": ((2,), ("image", 0), False, True),
    "visual.positional_embedding": ((2, 2), ("image", 0), True, False),
    "visual.ln_pre.weight": ((2,), ("image", 0), False, True),
    "visual.transformer.resblocks.0.mlp.c_fc.weight": ((2, 2), ("image", 1), True, True),
    "visual.transformer.resblocks.0.ln_1.weight": ((2,), ("image", 1), False, False),
    "visual.transformer.resblocks.1.attn.in_proj_weight": ((6, 2), ("image", 2), True, True),
    "visual.ln_post.bias": ((2,), ("image", 3), False, True),
    "visual.proj": ((2, 2), ("image", 3), True, False),
    "positional_embedding": ((3, 2), ("text", 0), True, True),
    "token_embedding.weight": ((4, 2), ("text", 0), True, False),
    "transformer.resblocks.0.mlp.c_fc.bias": ((4,), ("text", 1), False, True),
    "ln_final.weight": ((2,), ("text", 2), False, False),
    "text_projection": ((2, 2), ("text", 2), True, True),
    "logit_scale": ((), None, False, False),
}


def scale(name):
    _, place, _, loaded = PARAMETERS[name]
    by_depth = LAYER_DECAY ** (LAYERS[place[0]] + 1 - place[1]) if place else 1.0
    return by_depth * (LOADED_RATE if loaded else 1.0)


def run(make, start, grads):
    params = {k: v.clone().requires_grad_() for k, v in start.items()}
    optimizer = make([{"params": [p], "weight_decay": DECAY if PARAMETERS[k][2] else 0.0} for k, p in params.items()])
    steps = []
    for lr, grad in zip(RATES, grads):
        for (k, p), group in zip(params.items(), optimizer.param_groups):
            p.grad = grad[k].clone()
            group["lr"] = lr * scale(k)
            if k == "logit_scale" and "momentum" in group:
                group["momentum"] = 0.0
        optimizer.step()
        steps.append({k: p.detach().flatten().tolist() for k, p in params.items()})
    return steps


g = torch.Generator().manual_seed(8)
exact = lambda shape: torch.randn(shape, generator=g, dtype=torch.float64).float().double()
start = {k: exact(shape) for k, (shape, *_) in PARAMETERS.items()}
grads = [{k: exact(shape) for k, (shape, *_) in PARAMETERS.items()} for _ in RATES]
golden = {
    "shapes": {k: shape for k, (shape, *_) in PARAMETERS.items()},
    "loaded": [k for k in PARAMETERS if PARAMETERS[k][3]],
    "layers": LAYERS,
    "weightDecay": DECAY,
    "layerDecay": LAYER_DECAY,
    "loadedRate": LOADED_RATE,
    "rates": RATES,
    "start": {k: v.flatten().tolist() for k, v in start.items()},
    "grads": [{k: v.flatten().tolist() for k, v in step.items()} for step in grads],
    "runs": {
        "adamw": run(lambda p: torch.optim.AdamW(p, betas=(0.9, 0.98), eps=1e-6), start, grads),
        "sgd": run(lambda p: torch.optim.SGD(p, lr=1, momentum=0.9), start, grads),
    },
}
write_json("layer-decay.golden.json", golden)
