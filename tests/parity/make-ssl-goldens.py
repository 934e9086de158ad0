"""Makes ssl.golden.safetensors: losses, heads and three steps of MoCo v3, SimCLR and DINO, on two cores in a second.

    /usr/bin/python3 tests/parity/make-ssl-goldens.py

Needs torch (made with Debian's 1.13.0) and numpy. Written from the definitions in the papers and in the released code
(facebookresearch/moco-v3, google-research/simclr, facebookresearch/dino), without importing any of it. All in float64.

Keys: `in.*` what goes in, `weight.<head>.*` the start of a head by the names of the released checkpoints, `out.*` results,
`grad.*` gradients of the result named like the part before it.
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from goldens import write_safetensors

B, D, HIDDEN, E, K, LOCALS = 7, 6, 10, 5, 8, 3
STEPS, LR, EMA = 3, 0.3, 0.9
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
golden = {}


def keep(key, tensor):
    golden[key] = tensor.detach().clone().numpy()
    return tensor


# --- losses, by their definitions ---------------------------------------------------------------------------------


def ctr(q, k, tau):
    """MoCo v3, algorithm 1: cross-entropy of q k^T / tau with the diagonal as labels, times 2 tau."""
    q, k = F.normalize(q, dim=1), F.normalize(k, dim=1)
    return F.cross_entropy(q @ k.t() / tau, torch.arange(len(q))) * (2 * tau)


def nt_xent(a, b, tau):
    """SimCLR, equation 1, for all 2N views; the released code sums the means of both directions."""
    n = len(a)
    views = F.normalize(torch.cat([a, b]), dim=1)
    logits = views @ views.t() / tau
    logits = logits - torch.diag(torch.full((2 * n,), 1e9))
    labels = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(logits, labels, reduction="sum") / n


def dino(student, teacher, center, tau_s, tau_t):
    """DINO, algorithm 1 with multi-crop: student [views][B, K], teacher [2][B, K]."""
    total, terms = 0, 0
    for i, t in enumerate(teacher):
        p = F.softmax((t - center) / tau_t, dim=-1)
        for v, s in enumerate(student):
            if v != i:
                total = total + torch.sum(-p * F.log_softmax(s / tau_s, dim=-1), dim=-1).mean()
                terms += 1
    return total / terms


def with_gradients(name, loss, leaves):
    keep(f"out.{name}", loss)
    for key, grad in zip(leaves, torch.autograd.grad(loss, list(leaves.values()))):
        keep(f"grad.{name}.{key}", grad)


def leaf(name, *shape):
    return keep(f"in.{name}", torch.randn(*shape)).requires_grad_()


q, k = leaf("queries", B, E), leaf("keys", B, E)
with_gradients("moco", ctr(q, k.detach(), 0.2), {"queries": q})
with_gradients("simclr", nt_xent(q, k, 0.1), {"queries": q, "keys": k})
student, teacher = leaf("student", 2 + LOCALS, B, K), leaf("teacher", 2, B, K)
center = keep("in.center", 0.3 * torch.randn(K))
with_gradients("dino", dino(student, teacher.detach(), center, 0.1, 0.04), {"student": student})
keep("out.center", 0.9 * center + 0.1 * teacher.mean((0, 1)))


# --- heads ---------------------------------------------------------------------------------------------------------


def mlp(widths, last_affine):
    """Linear layers without bias, a batch norm behind each, ReLU between."""
    layers = []
    for i, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        last = i + 2 == len(widths)
        layers += [nn.Linear(fan_in, fan_out, bias=False), nn.BatchNorm1d(fan_out, affine=not last or last_affine)]
        layers += [] if last else [nn.ReLU()]
    return nn.Sequential(*layers)


class DinoHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(D, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, E))
        self.last_layer = nn.utils.weight_norm(nn.Linear(E, K, bias=False))
        self.last_layer.weight_g.data.fill_(1)
        self.last_layer.weight_g.requires_grad = False

    def forward(self, x):
        return self.last_layer(F.normalize(self.mlp(x), dim=-1))


def lively(module):
    """Gains and biases off their start, so that they show."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.dim() == 1:
                p.add_(0.3 * torch.randn_like(p))
    return module


simclr_projector = lively(mlp([D, HIDDEN, HIDDEN, E], last_affine=True))
simclr_projector[7].bias.data.zero_()  # a gain alone
simclr_projector[7].bias.requires_grad = False
heads = {
    "moco_projector": (lively(mlp([D, HIDDEN, HIDDEN, E], last_affine=False)), D),
    "moco_predictor": (lively(mlp([E, HIDDEN, E], last_affine=False)), E),
    "simclr_projector": (simclr_projector, D),
    "dino_head": (lively(DinoHead()), D),
}


def tensors_of(name, module):
    skip = {"simclr_projector": {"7.bias"}}.get(name, set())
    return {key: t for key, t in module.state_dict().items() if t.dtype == torch.float64 and key not in skip}


for name, (head, width) in heads.items():
    for key, tensor in tensors_of(name, head).items():
        keep(f"weight.{name}.{key}", tensor)
    head.train()
    x = leaf(f"{name}.x", B, width)
    out = keep(f"out.{name}", head(x))
    pull = keep(f"in.{name}.pull", torch.randn_like(out))
    keep(f"out.{name}.evaluated", head.eval()(x))
    head.train()
    trained = {key: p for key, p in head.named_parameters() if p.requires_grad}
    for key, grad in zip(["x", *trained], torch.autograd.grad((out * pull).sum(), [x, *trained.values()])):
        keep(f"grad.{name}.{key}", grad)
    for key, buffer in head.named_buffers():
        if "running" in key:
            keep(f"out.{name}.{key}", buffer)


# --- three steps: the order of things ------------------------------------------------------------------------------


def gradient_step(loss, modules):
    params = [p for module in modules for p in module.parameters() if p.requires_grad]
    for p, grad in zip(params, torch.autograd.grad(loss, params)):
        p.data -= LR * grad


def follow(target, source):
    with torch.no_grad():
        for t, s in zip(target.parameters(), source.parameters()):
            t.mul_(EMA).add_(s, alpha=1 - EMA)


projector, predictor = (copy.deepcopy(heads[name][0]).train() for name in ("moco_projector", "moco_predictor"))
momentum_projector = copy.deepcopy(projector)
views = keep("in.trace.moco", torch.randn(STEPS, 2, B, D))
losses = []
for x1, x2 in views:
    q1, q2 = predictor(projector(x1)), predictor(projector(x2))
    with torch.no_grad():
        follow(momentum_projector, projector)  # before the keys, as released
        k1, k2 = momentum_projector(x1), momentum_projector(x2)
    loss = ctr(q1, k2, 0.2) + ctr(q2, k1, 0.2)
    losses.append(loss.detach())
    gradient_step(loss, [projector, predictor])
keep("out.trace.moco", torch.stack(losses))

net, target = DinoHead(), DinoHead()  # a weight norm cannot be deep-copied
for head in (net, target):
    head.load_state_dict(heads["dino_head"][0].state_dict())
views = keep("in.trace.dino", torch.randn(STEPS, 2 + LOCALS, B, D))
center, losses = torch.zeros(K), []
for crops in views:
    t = [target(x).detach() for x in crops[:2]]
    loss = dino([net(x) for x in crops], t, center, 0.1, 0.04)
    center = 0.9 * center + 0.1 * torch.cat(t).mean(0)
    losses.append(loss.detach())
    gradient_step(loss, [net])
    follow(target, net)  # after the update, as released
keep("out.trace.dino", torch.stack(losses))
keep("out.trace.dino.center", center)


# --- the file ------------------------------------------------------------------------------------------------------

metadata = {"torch": torch.__version__, "steps": str(STEPS), "lr": str(LR), "ema_momentum": str(EMA)}
write_safetensors("ssl.golden.safetensors", golden, metadata)
