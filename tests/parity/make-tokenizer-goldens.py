#!/usr/bin/env python3
"""Goldens of CLIP's tokenizer: ids that open_clip's own SimpleTokenizer gives, with its ftfy.

    apt-get install python3-torch python3-regex python3-wcwidth
    PYTHONPATH=/path/to/a/checkout/of/ftfy python3 tests/parity/make-tokenizer-goldens.py /path/to/a/checkout/of/open_clip

Writes tests/parity/tokenizer.golden.json: [{group, text, ids}], ids from start to end, cut at 77, without padding.
The group 'repair' holds damaged text that ftfy mends by a search we do not copy: the test names which of it differs.
"""
import importlib.util
import json
import pathlib
import sys
import unicodedata

GROUPS = {
    "ascii": [
        "", " ", "a", "A", "a photo of a cat", "A Photo Of A Cat", "Two dogs, one ball.", "hello   world", "\thello\nworld\r\n",
        "the quick brown fox jumps over the lazy dog", "a diagram", "itap of a {}.", "a bad photo of the sculpture.",
        "state-of-the-art", "snake_case_name", "camelCaseName", "path/to/file.jpg", "C:\\temp\\x", "https://example.org/a?b=c#d",
        "user@example.org", "#hashtag @mention", "x", "zzzzzzzzzzzz", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "qxzjkvbwpf", "supercalifragilisticexpialidocious",
        "antidisestablishmentarianism", "pneumonoultramicroscopicsilicovolcanoconiosis", "IMG_20190101_123456.JPG", "!", "\"quoted\"",
        "a red car parked in front of a white house", "woman wearing a green dress, studio light, 35mm", "low-res 8-bit sprite",
    ],
    "contractions": [
        "it's", "It's the dog's", "don't can't won't", "I'm you're they've we'll he'd", "IT'S DON'T I'LL", "'s", "''s", "'t'", "rock 'n' roll",
        "o'clock", "'tis", "y'all'd've", "it 's", "'re're", "'sx", "'veb", "O'Neill's", "it\u2019s curly", "\u2018single\u2019", "'ſ", "ſ", "dogs'",
    ],
    "numbers": [
        "0", "123", "3.14159", "1,000,000", "2024-01-31", "10%", "$5.99", "1st 2nd 3rd", "4k", "mp3", "007", "½ ¾", "x²", "m³", "٣٤٥", "१२३", "Ⅷ ⅷ", "①②③", "１２３",
        "1e-5", "-40°C", "5'10\"", "12:34:56",
    ],
    "punctuation": [
        "!!!", "...", "?!?!", "a...b", "--", "a -- b", "***", "(((", ")))", "<>", "</w>", "a</w>b", "{}[]()", "~`^|", "!@#$%^&*()_+", "wow!!!!!!!!!!", "....................",
        "==>", ":-) ;-) :P", "¯\\_(ツ)_/¯", "<b>bold</b>", "a<b", "a > b", "; ; ;", "–", "—", "…", "«guillemets»", "„low“ quotes", "\u201ccurly\u201d", "‚low‘", "•bullet", "a\u00a0b", "\u3000wide\u3000", "a\u2003b", "a\u200bb", "a\u200cb\u200dc", "a\ufeffb",
    ],
    "accents": [
        "café", "cafe\u0301", "naïve", "nai\u0308ve", "Ünïcödé", "ÉCOLE", "E\u0301COLE", "Ångström", "A\u030angstro\u0308m", "crème brûlée", "mañana", "São Paulo", "Þórr", "ÆØÅ æøå", "Straße", "STRASSE ẞ",
        "İstanbul", "ISTANBUL ı", "Čeština", "żółć", "Việt Nam", "Vie\u0323\u0302t", "ﬁne ﬂuff oﬃce", "Ĳssel ĳ", "Ǆ ǅ ǆ", "ŉ", "ﬅ ﬆ", "ΟΔΥΣΣΕΥΣ", "ὈΔΥΣΣΕΎΣ", "Σ", "Москва", "МОСКВА й и\u0306", "Ελλάδα", "a\u0345", "\u0301", "q\u0323\u0307 q\u0307\u0323", "Ω Å K", "ﾟ",
    ],
    "cjk": [
        "猫", "一只猫坐在垫子上", "漢字かな交じり文", "カタカナ", "ｶﾀｶﾅ", "ﾊﾟﾋﾟ", "ＬＯＵＤ　ＮＯＩＳＥＳ", "한국어", "\u1112\u1161\u11ab\u1100\u1173\u11af", "ﾡﾢ", "你好，世界！", "「引用」", "東京タワー 2020", "cat猫cat", "𠮷野家", "龍龖𪚥", "๑๒๓ ภาษาไทย", "हिन्दी", "தமிழ்", "العربية", "שלום", "עִבְרִית", "ქართული", "አማርኛ", "မြန်မာ",
    ],
    "emoji": [
        "😀", "😀😀😀", "a 😀 b", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "❤️", "❤", "☃", "🧑🏿‍🚀 in space", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "1️⃣", "©®™", "♠♥♦♣", "✔️ done", "🫠", "🪿", "→ ← ↑", "∑∫√∞≠≤", "𝕳𝖊𝖑𝖑𝖔", "𝒥𝓊𝓈𝓉", "ⓐⒷ", "🅰️🅱️", "㊙️", "♀♂", "🐱cat🐶dog", "░▒▓█", "\U0001F468\U0001F3FB",
    ],
    "html": [
        "&amp;", "&amp;amp;", "&amp;amp;amp;", "&lt;b&gt;", "a &lt; b &amp;&amp; c", "&quot;hi&quot;", "&#39;s", "it&#39;s", "it&#x2019;s", "&nbsp;x&nbsp;", "&eacute;t&eacute;", "&EACUTE;T&EACUTE;", "&SZLIG;", "&ntilde; &Ntilde; &NTILDE; &nTILDE;",
        "AT&T", "R&D", "this&not that", "&notit;", "&notin猫;", "&notin-x;", "&toString;", "&copy 2020", "&copy; 2020", "&hellip;", "&mdash;", "&unknown;", "&", "& &", "&#", "&#;", "&#x;", "&#0;", "&#65;", "&#65", "&#128512;", "&#x1F600;", "&#150;", "&#xD800;", "&#1114112;", "&#7;x", "&#11;",
        "&Jscr;ohn &HilbertSpace;ancock", "&afr;&Zopf;&zscr;", "&checkmark;", "&NewLine;x&Tab;y", "&fjlig;", "&ThickSpace;x", "&nvlt;", "<p>&eacute;&amp;amp;</p>", "<p>&rsquo;&ldquo;</p>", "first &amp;amp;amp;\nsecond < third\nlast &amp;amp;amp;", "e&#x301;", "<e&#x301;", "&ampamp;", "&lt;start_of_text&gt;", "&rarr; &hearts;", "&AMP;&LT;&GT;&QUOT;",
    ],
    "control": [
        "a\x00b", "a\x07b", "a\x0bb", "a\x0cb", "a\x1cb", "a\x1fb", "a\x7fb", "a\x85b", "a\x93b\x94", "a\u2028b", "a\u2029b", "a\rb", "a\r\nb", "\x1b[31mred\x1b[0m", "a\u206ab", "a\ufff9b\ufffb", "\ufffc", "\ufffd", "\u200e\u200f", "\u202eabc", "a\u00adb", "\U000e0001", "\ue000", "\ud83d\ude00",
    ],
    "special": [
        "<start_of_text>", "<end_of_text>", "a <end_of_text> b", "<START_OF_TEXT>", "<|endoftext|>", "<|startoftext|> a", "a<end_of_text>b",
    ],
    "mojibake": [
        "cafÃ©", "donâ€™t", "â€œquotedâ€\x9d", "naÃ¯ve", "Ã¼ber", "ðŸ˜€", "âœ” No problems", "schÃ¶n", "â€”", "â€¦", "PÃ©rez", "Ã±", "lâ€™humanitÃ©", "Â©2020", "Â£5", "ã\x83\x84", "sÃ³", "ÃƒÂ©", "MÃƒÂ¼nchen", "été", "Ã", "â", "Â", "£5", "naïve façade", "Ørsted × 2", "NESTLÉ® chocolate", "CAFÉ™", "CAFÉ\u00a0!", "Spaß&nbsp;muss", "le café\u00a0»", "ÉTÉ\u00a0: « à\u00a0»", "IRMÃ\u00a0", "Ð¿Ñ\u20acÐ¸Ð²ÐµÑ‚",
    ],
    "repair": [
        "voilÃ le travail", "Ã la mode", "&macr;\\_(ã\x83\x84)_/&macr;", "cafÃ© and 猫", "donâ€™t “mix”", "â€œ like this â€\ufffd", "Рўest РїСЂРёРІРµС‚", "РџСЂРёРІРµС‚", "vÄ›c", "MÃ¡s 漢", "Ð¿Ñ\x80Ð¸Ð²ÐµÑ‚", "a-√©", "caf‚ ©", "Ã\xa0 la", "É™", "Ä°", "Õ¡",
    ],
}
LONG = [
    " ".join(["a photo of a cat"] * 40),
    "word " * 75, "word " * 76, "word " * 74, "漢字" * 200, "😀" * 100, "x" * 3000, "ab" * 2000, "!" * 500, "1" * 300, "é" * 1000,
    "the cat sat on the mat and looked at the dog who was looking at the bird in the tree next to the house on the hill " * 5,
]


def load_tokenizer(checkout):
    path = pathlib.Path(checkout) / "src/open_clip/tokenizer.py"
    spec = importlib.util.spec_from_file_location("tokenizer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def main():
    tokenizer = load_tokenizer(sys.argv[1])
    texts = [(group, text) for group, members in GROUPS.items() for text in members] + [("long", text) for text in LONG]
    rows = [{"group": group, "text": text, "ids": tokenizer(text)[0].tolist()} for group, text in texts]
    for row in rows:
        while row["ids"] and row["ids"][-1] == 0:
            row["ids"].pop()
    out = pathlib.Path(__file__).parent / "tokenizer.golden.json"
    lines = ",\n".join(json.dumps(row) for row in rows)
    out.write_text(f"[\n{lines}\n]\n")
    print(len(rows), "texts, Unicode", unicodedata.unidata_version)


main()
