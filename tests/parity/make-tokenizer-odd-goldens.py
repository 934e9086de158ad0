#!/usr/bin/env python3
"""Goldens of 5,000 odd strings: ids of open_clip's SimpleTokenizer, and of Hugging Face's tokenizers for nine files.

    python3 -m venv /tmp/odd && /tmp/odd/bin/pip install tokenizers==0.23.2 ftfy==6.3.1 regex==2026.9.29
    /tmp/odd/bin/python tests/parity/make-tokenizer-odd-goldens.py /path/to/a/checkout/of/open_clip

Writes tests/parity/tokenizer-odd.golden.json: the texts and, for each tokenizer, six hexadecimal digits of SHA-256 of a text's ids.
Ids have no frame and are not cut. A lone surrogate counts as U+FFFD: neither peer takes one.
"""
import hashlib
import importlib.util
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import types
import unicodedata

import regex

HERE = pathlib.Path(__file__).parent
COUNT = 5000
START, END = "<|startoftext|>", "<|endoftext|>"

WORDS = """a photo of the cat Cat CAT dog's DOG'S it's IT'S don't DON'T we'll WE'LL they're I've I'M he'd x 'tis rock'n'roll 's 'S 'll 'LL
ΟΔΥΣΣΕΥΣ ΣΑΣ Σ ΑΣ ΣΑ Α.Σ ΑΣ. ΑΣ' ΑΣ'Α ΑΣ\u0301 ΑΣ\u0301Α Α\u00adΣ Σ\u0345 ΌΣΟΣ 𝚨Σ İstanbul İ ISTANBUL ı I\u0307 i\u0307 J\u0307 Straße STRASSE ẞ ﬁne oﬃce ﬅ Ĳssel
ŉ Ǆ ǅ ǆ Ω Å K ſ 'ſ ᾳ ᾼ ᾈ Ⅷ ⓐ Ⓑ 𐐀 𐐨 Ა ა Ꭰ ꭰ café cafe\u0301 É E\u0301 q\u0323\u0307 q\u0307\u0323 Å A\u030a 각 각 각 가\u11a8 ﾊﾟ ﾊﾞ ハ\u309a が か\u3099 ＦＵＬＬ ﷺ ﬀ
Москва МОСКВА й и\u0306 猫 一只猫 漢字かな 한국어 العربية שלום עִבְרִית हिन्दी தமிழ் ภาษาไทย ქართული አማርኛ မြန်မာ ᠮᠣᠩᠭᠣᠯ 𠮷野家 龍龖𪚥 豈 神 丽
0 7 42 3.14 1,000 10% ½ ² m³ ٣٤٥ १२३ ๑๒๓ ①② Ⅳ 〇 𝟘𝟙 ፩ ৴ 1st 4k mp3 12:34
! ... ?! -- *** ((( <> </w> a</w>b {} @x #tag $5 a_b — … « » „ “ ” ‘ ’ ' '' \" • → ∑ ≠ ⁉ ‼ ⁇ ¯\\_(ツ)_/¯ :-)
😀 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 🇫🇷🇩🇪 ❤️ ☃ 🧑🏿‍🚀 🏴󠁧󠁢󠁷󠁬󠁳󠁿 1️⃣ ©® 🫠 🏽 ㊙️
&amp; &lt; &gt; &quot; &#39; &#x27; &nbsp; &eacute; &EACUTE; &amp;amp; &#0; &#128; &#x1F600; &#xD800; &notit; &unknown; &copy AT&T <b> <p>x</p> &
<start_of_text> <end_of_text> <START_OF_TEXT> <End_Of_Text> <|startoftext|> <|endoftext|> <|STARTOFTEXT|> <|EndOfText|> <|endoftext <|endoftext|>|> <| |> <|<|endoftext|>
Ġ Ċ Ã© âĢĻ [CLS] </s>""".split()
PIECES = [chr(code) for code in [*range(0x20), 0x7F, *range(0x80, 0xA1), 0xAD, 0x345, 0x378, 0x600, 0x61C, 0x1680, 0x180E, *range(0x2000, 0x2010), *range(0x2028, 0x2030), 0x205F, *range(0x2060, 0x2070), 0x3000, 0xFE0F, 0xFEFF, *range(0xFFF9, 0xFFFE), 0xE000, 0xF8FF, 0xFDD0, 0xFFFE, 0x1FFFE, 0xE0001, 0xF0000, 0x10FFFF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF]]
MARKS = [chr(code) for code in [0x300, 0x301, 0x303, 0x307, 0x308, 0x323, 0x327, 0x32D, 0x338, 0x345, 0x3099, 0x309A, 0x5B0, 0x64B, 0x93C, 0x94D, 0x1161, 0x11A8, 0x200C, 0x200D, 0xFE0E, 0xFE0F, 0x1F3FB, 0x20DD, 0x20E3]]
BLOCKS = [(0x20, 0x7F), (0xA0, 0x180), (0x180, 0x250), (0x250, 0x370), (0x370, 0x530), (0x530, 0x700), (0x900, 0xE00), (0x10A0, 0x1200), (0x1300, 0x1400), (0x1C80, 0x1CC0), (0x1D00, 0x2000), (0x2000, 0x2400), (0x2460, 0x2500), (0x2C00, 0x2E80), (0x3000, 0x3200), (0x4E00, 0x4F00), (0xA640, 0xA800), (0xAB30, 0xABC0), (0xAC00, 0xAD00), (0xD800, 0xE000), (0xF900, 0xFB50), (0xFF00, 0xFFF0), (0x10400, 0x10500), (0x10C80, 0x10D00), (0x118A0, 0x118E0), (0x16E40, 0x16E80), (0x1D400, 0x1D800), (0x1E900, 0x1E960), (0x1F000, 0x1FB00), (0x20000, 0x20100), (0, 0x110000)]
SEPARATORS = ["", "", "", " ", " ", " ", "  ", "\t", "\n", "\r\n", "\x1c", "\x1f", "\x85", "\xa0", "\u2003", "\u2028", "\u3000", "\u200b", "\u200d", "\ufeff", ".", ",", "!", "-", "'", "’", "_"]


def swapped(text, draw):
    return draw.choice([text, text, text.upper(), text.lower(), text.swapcase(), text.title()])


def odd_text(draw):
    kind = draw.randrange(10)
    if kind < 4:
        parts = [swapped(draw.choice(WORDS), draw) + draw.choice(SEPARATORS) for _ in range(draw.randrange(1, 7))]
    elif kind < 6:
        parts = [draw.choice([draw.choice(WORDS), draw.choice(PIECES), draw.choice("aBzΣé1!")]) for _ in range(draw.randrange(1, 9))]
    elif kind < 8:
        low, high = draw.choice(BLOCKS)
        parts = [chr(draw.randrange(low, high)) for _ in range(draw.randrange(1, 13))]
    elif kind < 9:
        parts = [draw.choice("aeoAEOnÅΣσςкあ한가ก1 ") + "".join(draw.choice(MARKS) for _ in range(draw.randrange(4))) for _ in range(draw.randrange(1, 7))]
    else:
        low, high = draw.choice(BLOCKS)
        parts = ["".join(chr(draw.randrange(*draw.choice(BLOCKS))) for _ in range(2)), chr(draw.randrange(low, high)) * draw.randrange(1, 40)]
    return "".join(parts)


def odd_texts():
    draw = random.Random(17)
    texts = ["", " ", "\x1c", "\ufeff", "\ud800", "\u0000", *WORDS, *PIECES, *(f"a{piece}b" for piece in PIECES), *(f"A{piece}\u03a3" for piece in PIECES), *(f"!{word}!" for word in WORDS)]
    texts += ["Σ" * 300, "aΣ" * 200, "a" * 2000, "漢" * 500, "👍🏽" * 100, "1" * 300, "!<|endoftext|>" * 40, "e\u0301" * 300, "e" + "\u0301\u0323" * 60]
    texts = [one_string(text) for text in dict.fromkeys(texts)]
    seen = set(texts)
    while len(texts) < COUNT:
        text = one_string(odd_text(draw))
        if text not in seen and not any(map(is_recent, text)):
            seen.add(text)
            texts.append(text)
    return texts


def is_recent(char):
    """Whether one of the peers, or Node, may not know the character yet: assigned after Unicode 14."""
    return unicodedata.category(char) == "Cn" and not regex.match(r"\p{Cn}", char)


def one_string(text):
    """Two surrogates that meet are one character, as in JSON and JavaScript."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def simple_tokenizer(checkout):
    for name in ("torch", "numpy"):  # its annotations only: encode() takes neither
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torch"].LongTensor = sys.modules["torch"].Tensor = object
    path = pathlib.Path(checkout) / "src/open_clip/tokenizer.py"
    spec = importlib.util.spec_from_file_location("tokenizer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def clip_json(simple, normalized_start):
    """CLIP's tokenizer.json; its own lets the start-of-text token be found after lower-casing."""
    names = {"<start_of_text>": START, "<end_of_text>": END}
    size = len(simple.encoder)
    added = [
        {"id": size - 2 + i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": i == 0 and normalized_start, "special": True}
        for i, content in enumerate([START, END])
    ]
    words = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": words}, "behavior": "Removed", "invert": True}, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": END, "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": False,
            "vocab": {names.get(token, token): i for token, i in simple.encoder.items()},
            "merges": [" ".join(pair) for pair in simple.bpe_ranks],
        },
    }


TRAIN = """
import { readFileSync } from 'node:fs';
const { trainBpe } = await import(process.argv[2]!);
const texts = JSON.parse(readFileSync(process.argv[3]!, 'utf8'));
console.log(JSON.stringify(await trainBpe(texts.filter((_: string, i: number) => i % 10 === 0), { vocabSize: 700 })));
"""


def trained_json(texts):
    """What Couplet learns from every tenth text, and exports."""
    root = HERE.parent.parent.resolve()
    with tempfile.TemporaryDirectory() as folder:
        script, data = pathlib.Path(folder) / "train.ts", pathlib.Path(folder) / "texts.json"
        script.write_text(TRAIN)
        data.write_text(json.dumps(texts))
        command = ["node", "--import", "jiti/register", script, root / "src/data/tokenizer/bpe-train.ts", data]
        return json.loads(subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE).stdout)


LLAMA = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def other_files(texts):
    """Small tokenizers of other shapes, learned by Hugging Face's trainers."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    words = [text for i, text in enumerate(texts) if i % 7 == 0]
    bytes_alphabet = pre_tokenizers.ByteLevel.alphabet()

    def made(model, trainer, normalizer, words_of, extra=()):
        tokenizer = Tokenizer(model)
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, words_of
        fit = [word for word in words if type(model) is not models.Unigram or max(word, default="") < "\u0500"]
        tokenizer.train_from_iterator(fit, trainer)
        tokenizer.add_tokens(list(extra))
        tokenizer.add_special_tokens(["[CLS]", "[SEP]"])
        return json.loads(tokenizer.to_str())

    return {
        "wordpiece": made(
            models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=600, limit_alphabet=200, special_tokens=["[UNK]"], show_progress=False),
            normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), [AddedToken("Dog", normalized=True), AddedToken("cat", normalized=False)],
        ),
        "gpt2": made(
            models.BPE(), trainers.BpeTrainer(vocab_size=500, initial_alphabet=bytes_alphabet, show_progress=False),
            normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()]), pre_tokenizers.ByteLevel(add_prefix_space=True),
        ),
        "llama": made(
            models.BPE(ignore_merges=True), trainers.BpeTrainer(vocab_size=500, initial_alphabet=bytes_alphabet, show_progress=False),
            None, pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
            [AddedToken("\u03a3", lstrip=True, rstrip=True)],
        ),
        "bpe": made(
            models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True),
            trainers.BpeTrainer(vocab_size=700, limit_alphabet=200, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False),
            normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Replace("'", "$&"), normalizers.Replace(Regex(" {2,}"), " ")]),
            pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Punctuation("contiguous")]),
        ),
        "unigram": made(
            models.Unigram(), trainers.UnigramTrainer(vocab_size=500, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False),
            normalizers.Sequence([normalizers.NFKD(), normalizers.Prepend("x")]), pre_tokenizers.Metaspace(),
        ),
        "wordlevel": made(
            models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=400, special_tokens=["[UNK]"], show_progress=False),
            normalizers.Lowercase(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Split("a", "merged_with_previous"), pre_tokenizers.Split(Regex(r"[eo]\w?"), "removed")]),
        ),
    }


def digest(ids):
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:6]


def main():
    from tokenizers import Tokenizer, __version__

    texts = odd_texts()
    simple = simple_tokenizer(sys.argv[1])
    whole = [text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") for text in texts]
    out = {"texts": texts, "open_clip": [digest(simple.encode(text)) for text in whole]}
    for name, file in {"clip": clip_json(simple, False), "clip_normalized": clip_json(simple, True), "trained": trained_json(texts)}.items():
        tokenizer = Tokenizer.from_str(json.dumps(file))
        out[name] = [digest(row.ids) for row in tokenizer.encode_batch(whole, add_special_tokens=False)]
    files = other_files(whole)
    for name, file in files.items():
        tokenizer = Tokenizer.from_str(json.dumps(file))
        out[name] = [digest(row.ids) for row in tokenizer.encode_batch(whole, add_special_tokens=False)]
    out["files"] = files
    path = HERE / "tokenizer-odd.golden.json"
    rows = [f"{json.dumps(name)}:{json.dumps(values, separators=(',', ':'))}" for name, values in out.items()]
    path.write_text("{" + ",\n".join(rows) + "}\n")
    print(len(texts), "texts,", path.stat().st_size, "bytes, tokenizers", __version__)


if __name__ == "__main__":
    main()
