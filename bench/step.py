"""One training step of CLIP in PyTorch, the twin of bench/step.ts: same sizes, same arithmetic, same order. One JSON line.

    python3 bench/step.py --model ViT-S-16 --image-size 112 --batch 64 --device cpu --precision float32 --steps 5 [--compile]

Written as a PyTorch user would for speed: scaled_dot_product_attention, autocast, fused AdamW where the build has it.
"""
import argparse, json, math, time
import torch
import torch.nn as nn
import torch.nn.functional as F

p = argparse.ArgumentParser()
for name, default in dict(model="ViT-S-16", device="cpu", precision="float32").items():
    p.add_argument("--" + name, default=default)
for name, default in {"image-size": 224, "batch": 64, "warmup": 2, "steps": 5, "threads": 2}.items():
    p.add_argument("--" + name, type=int, default=default)
p.add_argument("--compile", action="store_true")
args = p.parse_args()
torch.set_num_threads(args.threads)
SIZES = {"ViT-S-16": (384, 384, 384, 16), "ViT-B-16": (768, 512, 512, 16), "ViT-B-32": (768, 512, 512, 32)}
WIDTH, TEXT, EMBED, PATCH = SIZES[args.model]
LAYERS, CONTEXT, VOCAB = 12, 77, 49408


def attention(q, k, v, causal):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return F._scaled_dot_product_attention(q, k, v, None, 0.0, False, causal)[0]  # its name in 1.13


class Block(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.out(attention(q, k, v, self.causal).transpose(1, 2).reshape(b, n, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Image(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.cls = nn.Parameter(torch.randn(WIDTH) * WIDTH**-0.5)
        self.pos = nn.Parameter(torch.randn((size // PATCH) ** 2 + 1, WIDTH) * WIDTH**-0.5)
        self.pre, self.post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.blocks = nn.ModuleList(Block(WIDTH, WIDTH // 64, False) for _ in range(LAYERS))
        self.proj = nn.Parameter(torch.randn(WIDTH, EMBED) * WIDTH**-0.5)

    def forward(self, x):
        x = self.conv(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.to(x.dtype).expand(x.shape[0], 1, -1), x], 1) + self.pos
        x = self.pre(x)
        for block in self.blocks:
            x = block(x)
        return self.post(x[:, 0]) @ self.proj


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, TEXT)
        self.pos = nn.Parameter(torch.randn(CONTEXT, TEXT) * 0.01)
        self.blocks = nn.ModuleList(Block(TEXT, TEXT // 64, True) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(TEXT)
        self.proj = nn.Parameter(torch.randn(TEXT, EMBED) * TEXT**-0.5)

    def forward(self, tokens):
        x = self.emb(tokens) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.norm(x[torch.arange(x.shape[0], device=x.device), tokens.argmax(1)]) @ self.proj


class Clip(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.image, self.text = Image(size), Text()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, images, tokens):
        i = F.normalize(self.image(images).float(), dim=-1)
        t = F.normalize(self.text(tokens).float(), dim=-1)
        return i, t, self.logit_scale.exp()


torch.manual_seed(0)
device = torch.device(args.device)
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
model = Clip(args.image_size).to(device)
decay = [x for x in model.parameters() if x.ndim >= 2]
rest = [x for x in model.parameters() if x.ndim < 2]
fused = {"fused": True} if device.type == "cuda" else {}
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                              lr=1e-4, betas=(0.9, 0.98), eps=1e-6, **fused)
forward = torch.compile(model) if args.compile else model
images = torch.randint(0, 255, (args.batch, args.image_size, args.image_size, 3), dtype=torch.uint8).to(device)
tokens = torch.randint(0, VOCAB - 3, (args.batch, CONTEXT), dtype=torch.int32)
tokens[:, -1] = VOCAB - 1
tokens = tokens.to(device)
mean = torch.full((3, 1, 1), 0.5 * 255, device=device)
scale = torch.full((3, 1, 1), 1 / (0.25 * 255), device=device)


def step():
    pixels = (images.permute(0, 3, 1, 2).float() - mean) * scale
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=args.precision == "bfloat16"):
        i, t, s = forward(pixels, tokens)
    with torch.autocast(device.type, enabled=False):
        logits = i @ t.T * s
        labels = torch.arange(args.batch, device=device)
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        model.logit_scale.clamp_(0, math.log(100))
    return loss


times = []
for i in range(args.warmup + args.steps):
    begin = time.perf_counter()
    loss = step()
    if device.type == "cpu":
        times.append(time.perf_counter() - begin)
    elif i == args.warmup - 1:
        torch.cuda.synchronize()
        start = time.perf_counter()
if device.type == "cpu":
    ms = 1000 * sorted(times[args.warmup:])[args.steps // 2]
else:
    torch.cuda.synchronize()
    ms = 1000 * (time.perf_counter() - start) / args.steps
print(json.dumps({"what": "torch.compile" if args.compile else "pytorch", **vars(args), "ms_per_step": ms, "loss": loss.item(), "torch": torch.__version__}))
