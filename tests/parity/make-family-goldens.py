"""Tiny random models of each family that `model.from` reads, saved by their own programs, with their features: families/NAME/.

    python tests/parity/make-family-goldens.py

On a machine with torch 2.13, transformers 5.18, timm 1.0.29, open_clip_torch 3.3, tokenizers and safetensors.
No tensor keeps its initial value, so that no bias is zero, and no norm or LayerScale is one.
"""

import json
import shutil
from pathlib import Path

import open_clip
import safetensors.torch
import timm
import torch
import transformers
from timm.layers import resample_patch_embed
from timm.models import register_model
from timm.models._hub import save_for_hf
from timm.models.vision_transformer import VisionTransformer, _create_vision_transformer
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

FAMILIES = Path(__file__).parent / "families"
IMAGE = 32
TEXTS = 3
# Widths, heads and the MLP's ratio differ from each other and from every default.
VISION = dict(width=24, heads=3, hidden=36, patch=8)
TEXT = dict(width=16, heads=4, hidden=24, vocab=40, context=9)
EMBED = 12
# Of embeddings, so that the epsilon of the first norm counts.
SMALL = 0.03


def noisy(model, seed):
    """Overwrites all parameters and buffers of numbers."""
    generator = torch.Generator().manual_seed(seed)
    noise = lambda like: torch.randn(like.shape, generator=generator)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            kind = name.rsplit(".", 1)[-1]
            if kind == "logit_scale":
                tensor.fill_(2.5)
            elif kind == "logit_bias":
                tensor.fill_(-9.5)
            elif kind == "running_var":
                tensor.copy_(1 + 0.5 * torch.rand(tensor.shape, generator=generator))
            elif not tensor.is_floating_point() or kind == "attn_mask":
                continue
            elif tensor.dim() <= 1 and kind in ("weight", "gamma", "lambda1"):
                tensor.copy_(1 + 0.4 * noise(tensor))
            elif tensor.dim() <= 1:
                tensor.copy_(0.3 * noise(tensor))
            elif kind == "weight" and "embedding" not in name or kind in ("proj", "text_projection", "in_proj_weight"):
                fan_in = tensor.shape[0] if kind in ("proj", "text_projection") else tensor[0].numel()
                is_patches = tensor.dim() == 4 and tensor.shape[-1] == VISION["patch"]
                tensor.copy_(noise(tensor) * (SMALL if is_patches else 1.2) * fan_in**-0.5)
            else:  # tokens, positions, registers, queries
                tensor.copy_(SMALL * noise(tensor))
    return model.eval()


def pixels(seed, side=IMAGE):
    return torch.randint(0, 256, (2, side, side, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def of_side(bytes_, side):
    """Cut, or repeated."""
    return bytes_.repeat(1, 2, 2, 1)[:, :side, :side]


def normalised(bytes_, mean, std):
    return ((bytes_.permute(0, 3, 1, 2).float() / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1))


def texts(frame, pad=0, vocab=TEXT["vocab"], context=TEXT["context"]):
    """Texts of several lengths, the last of which fills the context. clip: start, end, zeros; siglip: end, pads."""
    generator = torch.Generator().manual_seed(5)
    rows = []
    for length in (3, 5, context):
        words = torch.randint(3, vocab - 2, (length,), generator=generator).tolist()
        row = [vocab - 2, *words[: length - 2], vocab - 1] if frame == "clip" else [*words[: length - 1], 1]
        rows.append(row + [pad] * (context - length))
    return torch.tensor(rows)


def unit(rows):
    return torch.nn.functional.normalize(rows.double(), dim=-1).float().contiguous()


def folder(name):
    path = FAMILIES / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def write(path, bytes_, image, tokens=None, text=None, **more):
    """Rows of unit length, as Couplet's encoders give them."""
    out = {"pixels": bytes_, "image": unit(image)}
    if tokens is not None:
        out |= {"tokens": tokens.int(), "text": unit(text)}
    out |= {key: unit(value) for key, value in more.items()}
    safetensors.torch.save_file(out, path / "features.safetensors")
    print(path.name, sum(each.stat().st_size for each in path.iterdir()))


# transformers

PREPROCESSOR = dict(image_mean=[0.48, 0.45, 0.41], image_std=[0.27, 0.26, 0.28])


def save_transformers(model, path):
    model.save_pretrained(path)
    (path / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2) + "\n")


def normalised_as_transformers(bytes_):
    return normalised(bytes_, PREPROCESSOR["image_mean"], PREPROCESSOR["image_std"])


def hf_sizes(act):
    return dict(
        hidden_size=VISION["width"], intermediate_size=VISION["hidden"], num_hidden_layers=2,
        num_attention_heads=VISION["heads"], image_size=IMAGE, patch_size=VISION["patch"], hidden_act=act,
    )


def hf_text_sizes(act):
    return dict(
        hidden_size=TEXT["width"], intermediate_size=TEXT["hidden"], num_hidden_layers=2,
        num_attention_heads=TEXT["heads"], vocab_size=TEXT["vocab"], max_position_embeddings=TEXT["context"], hidden_act=act,
    )


@torch.no_grad()
def hf_clip(name, act, seed):
    ids = dict(bos_token_id=TEXT["vocab"] - 2, eos_token_id=TEXT["vocab"] - 1, pad_token_id=0)
    config = transformers.CLIPConfig(
        text_config=hf_text_sizes(act) | ids, vision_config=hf_sizes(act), projection_dim=EMBED,
    )
    model = noisy(transformers.CLIPModel(config), seed)
    bytes_, tokens, path = pixels(seed), texts("clip"), folder(name)
    save_transformers(model, path)
    output = model(pixel_values=normalised_as_transformers(bytes_), input_ids=tokens)
    write(path, bytes_, output.image_embeds, tokens, output.text_embeds)


@torch.no_grad()
def hf_siglip(name, seed):
    act = "gelu_pytorch_tanh"
    text = hf_text_sizes(act) | dict(pad_token_id=1, eos_token_id=1, bos_token_id=2, projection_size=VISION["width"])
    config = transformers.SiglipConfig(text_config=text, vision_config=hf_sizes(act))
    model = noisy(transformers.SiglipModel(config), seed)
    bytes_, tokens, path = pixels(seed), texts("siglip", pad=1), folder(name)
    save_transformers(model, path)
    output = model(pixel_values=normalised_as_transformers(bytes_), input_ids=tokens)
    write(path, bytes_, output.image_embeds, tokens, output.text_embeds)


@torch.no_grad()
def hf_encoder(name, kind, seed, **options):
    config_class, model_class = getattr(transformers, f"{kind}Config"), getattr(transformers, f"{kind}Model")
    sizes = hf_sizes("gelu")
    if kind.startswith("Dinov2"):
        sizes["mlp_ratio"] = 2
        del sizes["intermediate_size"]
    model = noisy(model_class(config_class(**sizes, **options)), seed)
    bytes_, path = pixels(seed), folder(name)
    save_transformers(model, path)
    # MAE hides no patch here, but orders them by noise.
    noise = dict(noise=torch.arange(16.0).repeat(2, 1)) if kind == "ViTMAE" else {}
    hidden = model(normalised_as_transformers(bytes_), **noise).last_hidden_state
    write(path, bytes_, hidden[:, 0])


# open_clip


def save_open_clip(model, path, config):
    preprocess = dict(mean=[0.5, 0.4, 0.45], std=[0.3, 0.25, 0.2])
    safetensors.torch.save_file(model.state_dict(), path / "open_clip_model.safetensors")
    (path / "open_clip_config.json").write_text(json.dumps(dict(model_cfg=config, preprocess_cfg=preprocess), indent=2) + "\n")
    return preprocess


@torch.no_grad()
def open_clip_model(name, seed, vision, quick=False, side=IMAGE, pad=0, **other):
    """Also features after open_clip's resize of positions for pictures of another size."""
    custom = "siglip" in name
    text = dict(
        context_length=TEXT["context"], vocab_size=TEXT["vocab"], width=TEXT["width"], heads=TEXT["heads"], layers=2,
        mlp_ratio=TEXT["hidden"] / TEXT["width"],
    )
    config = dict(embed_dim=EMBED, vision_cfg=vision, text_cfg=text | other.pop("text", {}), **other)
    if quick:
        config["quick_gelu"] = True
    kind = open_clip.model.CustomTextCLIP if custom else open_clip.model.CLIP
    model = noisy(kind(**config), seed)
    path = folder(name)
    preprocess = save_open_clip(model, path, config | ({"custom_text": True} if custom else {}))
    bytes_, tokens = pixels(seed, side), texts("siglip" if custom else "clip", pad)
    normal = lambda these: normalised(these, preprocess["mean"], preprocess["std"])
    more = {}
    if "layers" in vision and not isinstance(vision["layers"], list):
        for other_side in (24, 48):
            larger = kind(**config | dict(vision_cfg=vision | dict(image_size=other_side))).eval()
            state = model.state_dict()
            open_clip.model.resize_pos_embed(state, larger)
            larger.load_state_dict(state)
            more[f"image.{other_side}.8"] = larger.encode_image(normal(of_side(bytes_, other_side)))
    write(path, bytes_, model.encode_image(normal(bytes_)), tokens, model.encode_text(tokens), **more)


# timm


def timm_args(**options):
    return dict(img_size=IMAGE, patch_size=VISION["patch"], embed_dim=VISION["width"], depth=2, num_heads=VISION["heads"],
                mlp_ratio=VISION["hidden"] / VISION["width"], num_classes=0) | options


@torch.no_grad()
def timm_model(name, architecture, seed, **options):
    """Also features after timm's resize of positions (resample_abs_pos_embed) and of patches."""
    args = timm_args(**options)
    model = noisy(timm.create_model(architecture, **args), seed)
    path = folder(name)
    save_for_hf(model, path, model_args={key: value for key, value in args.items() if key != "num_classes"}, safe_serialization=True)
    mean, std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    bytes_ = pixels(seed)
    features = lambda net, side: net(normalised(of_side(bytes_, side), mean, std))
    more = {}
    for side, patch in ((24, 8), (48, 8), (64, 16)):
        other = timm.create_model(architecture, **args | dict(img_size=side, patch_size=patch)).eval()
        state, kernel = model.state_dict(), "patch_embed.proj.weight"
        if patch != VISION["patch"]:  # bilinear as FlexiViT's paper, where timm's default is bicubic
            state[kernel] = resample_patch_embed(state[kernel], [patch, patch], interpolation="bilinear", antialias=False)
        other.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(state, other))
        more[f"image.{side}.{patch}"] = features(other, side)
    write(path, bytes_, features(model, IMAGE), **more)


@register_model
def vit_tiny_siglip_test(pretrained=False, **options):
    """open_clip gives a trunk no sizes."""
    sizes = timm_args(class_token=False, global_pool="map", init_values=None) | options
    sizes.pop("num_classes")
    return _create_vision_transformer("vit_base_patch16_siglip_224", pretrained=False, **sizes, num_classes=0)


# SigLIP's tokenizer


def siglip_tokenizer(path, pad):
    """A unigram model of 40 pieces with Metaspace: lower case, punctuation removed, `</s>` at the end."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -3.0)]
    words = ["a", "photo", "of", "cat", "dog", "the", "red", "two"]
    pieces += [(f"\u2581{word}", -2.0 - i / 8) for i, word in enumerate(words)]
    pieces += [(letter, -5.0 - i / 16) for i, letter in enumerate("etaoinsrhldcumfpgwybvkxj0")]
    pieces += [("ing", -3.5), ("er", -3.75), ("\u00e9", -6.5)]
    assert len(pieces) == TEXT["vocab"], len(pieces)
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Lowercase(), normalizers.Replace(Regex(r"[!?.,;:'\"()-]"), ""),
        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(),
    ])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token=pad, unk_token="<unk>")
    fast.save_pretrained(path)
    lines = ["A photo of a cat.", "", "Two RED dogs, running!", "  the \u00c9clair \u6f22 of  THE cat ", "a" * 30, "photo </s> of"]
    ids = fast(lines, padding="max_length", truncation=True, max_length=TEXT["context"]).input_ids
    (path / "texts.json").write_text(json.dumps([dict(text=t, ids=i) for t, i in zip(lines, ids)], indent=1) + "\n")


CLIP_VISION = dict(
    layers=2, width=VISION["width"], head_width=VISION["width"] // VISION["heads"], patch_size=VISION["patch"],
    image_size=IMAGE, mlp_ratio=VISION["hidden"] / VISION["width"],
)
SIGLIP_TEXT = dict(no_causal_mask=True, proj_bias=True, pool_type="last", norm_kwargs=dict(eps=1e-6))

hf_clip("hf-clip-quick-gelu", "quick_gelu", 1)
hf_clip("hf-clip-gelu", "gelu", 2)
hf_siglip("hf-siglip", 3)
siglip_tokenizer(FAMILIES / "hf-siglip", pad="</s>")
hf_encoder("hf-vit", "ViT", 4)
hf_encoder("hf-vit-mae", "ViTMAE", 5, mask_ratio=0.0)
hf_encoder("hf-dinov2", "Dinov2", 6)
hf_encoder("hf-dinov2-registers", "Dinov2WithRegisters", 7, num_register_tokens=3)
open_clip_model("open-clip", 8, CLIP_VISION)
open_clip_model("open-clip-quick-gelu", 9, CLIP_VISION, quick=True)
# 64 channels in the pool, 4 heads; open_clip has 4 of 16 where the width alone says 1 of 64.
open_clip_model("open-clip-rn", 10, dict(layers=[1, 2, 1, 1], width=2, head_width=16, image_size=64), side=64)
TRUNK = dict(image_size=IMAGE, timm_model_name="vit_tiny_siglip_test", timm_model_pretrained=False, timm_pool="map", timm_proj="none")
EMBED = VISION["width"]
open_clip_model("open-clip-siglip", 11, TRUNK, pad=1, text=SIGLIP_TEXT, init_logit_bias=-10)
open_clip_model("open-clip-siglip2", 12, TRUNK, text=SIGLIP_TEXT | dict(act_kwargs=dict(approximate="tanh")), init_logit_bias=-10)
siglip_tokenizer(FAMILIES / "open-clip-siglip2", pad="<pad>")
timm_model("timm-vit", "vit_base_patch16_224", 13)
timm_model("timm-vit-reg4", "vit_base_patch14_reg4_dinov2", 14)
timm_model("timm-siglip", "vit_base_patch16_siglip_224", 15)
timm_model("timm-clip", "vit_base_patch16_clip_quickgelu_224", 16)
