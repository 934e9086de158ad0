# Loads folders that `couplet export` wrote with the programs that they are for, and compares them with their parity.json.
#
#   python tests/parity/check-export.py FOLDER...
#
# On a machine with torch, transformers, open_clip, timm, sentence-transformers, onnxruntime and Pillow. Needs no network.
# For each folder: no tensor missing or unexpected; features within BAR of the run's, relative to the largest; token ids equal;
# pixels of the program's own preprocessing beside the run's. Prints a row of a Markdown table each; exits with 1 if one fails.
import json, os, sys, traceback
os.environ['HF_HUB_OFFLINE'] = '1'
import numpy as np, torch
from PIL import Image

BAR = 1e-5  # float32 sums in another order
# The picture of the model's size has no resize, so its bytes are the same. Others: Pillow and torchvision round apart.
SAME_PIXELS = 1e-5


def unit(x):
    x = torch.as_tensor(x, dtype=torch.float32)
    return (x / x.norm(dim=-1, keepdim=True)).numpy()


def worst(actual, expected):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


class Folder:
    def __init__(self, path):
        self.path = path
        self.parity = json.load(open(os.path.join(path, 'parity.json')))
        read = lambda name: Image.open(os.path.join(path, name)).convert('RGB')
        self.pictures = [read(each['file']) for each in self.parity['pictures']]
        cuts = np.stack([np.asarray(read(each['cut'])) for each in self.parity['pictures']])
        mean, std = np.float32(self.parity['mean']), np.float32(self.parity['std'])
        self.pixels = torch.from_numpy(((cuts.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2).copy())
        self.texts = [each['text'] for each in self.parity.get('texts', [])]
        self.ids = [each['ids'] for each in self.parity.get('texts', [])]
        self.features = {k: np.float32(v) for k, v in self.parity['features'].items()}

    def lengths(self):
        """Of each text with start and end, or whole rows where the tower reads its padding."""
        if 'frame' in self.parity:
            return [len(ids) for ids in self.ids]
        return [int(np.argmax(ids)) + 1 for ids in self.ids]

    def compare_ids(self, rows):
        rows = np.asarray(rows)
        same = [list(row[:n]) == ids[:n] for row, ids, n in zip(rows, self.ids, self.lengths())]
        assert all(same), [text for text, good in zip(self.texts, same) if not good]
        assert rows.shape[1] == len(self.ids[0]), rows.shape

    def pixel_differences(self, theirs):
        """Of the picture of the model's size, and of the others, on the scale of bytes."""
        std = torch.tensor(self.parity['std']).view(1, 3, 1, 1)
        off = [(a - b).abs().mul(std[0] * 255).max().item() for a, b in zip(theirs, self.pixels)]
        return off[0], max(off[1:])


def nothing_lost(info):
    for kind in ('missing_keys', 'unexpected_keys', 'mismatched_keys', 'error_msgs'):
        assert not info[kind], (kind, list(info[kind])[:4])


def check_transformers(f):
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer
    config = json.load(open(os.path.join(f.path, 'config.json')))
    extra = {'add_pooling_layer': False} if config['model_type'] == 'vit' else {}
    model, info = AutoModel.from_pretrained(f.path, output_loading_info=True, **extra)
    nothing_lost(info)
    assert type(model).__name__ == config['architectures'][0]
    pixels = AutoImageProcessor.from_pretrained(f.path)(f.pictures, return_tensors='pt')['pixel_values']
    off = {'pixels': f.pixel_differences(pixels)}
    tensor = lambda x: x if isinstance(x, torch.Tensor) else x.pooler_output
    if not f.texts:
        return {**off, 'image': model(pixel_values=f.pixels).last_hidden_state[:, 0]}
    tokens = AutoTokenizer.from_pretrained(f.path)
    # As a program pads and cuts: what follows the end must change nothing.
    if tokens.pad_token is None:  # the card says that texts are filled by the caller
        length, fill = len(f.ids[0]), f.parity['frame']['padId']
        rows = tokens(f.texts, truncation=True)['input_ids']
        batch = {'input_ids': torch.tensor([row + [fill] * (length - len(row)) for row in rows])}
    else:
        batch = tokens(f.texts, padding='max_length', truncation=True, return_tensors='pt')
    f.compare_ids(batch['input_ids'])
    text = tensor(model.get_text_features(**batch))
    if config['model_type'] == 'clip':
        short = tokens(f.texts[:2], padding=True, truncation=True, return_tensors='pt')
        off['short'] = worst(unit(tensor(model.get_text_features(**short))), f.features['text'][:2])
    return {**off, 'image': tensor(model.get_image_features(pixel_values=f.pixels)), 'text': text}


def check_open_clip(f):
    import open_clip
    from safetensors.torch import load_file
    model, _, preprocess = open_clip.create_model_and_transforms('local-dir:' + f.path)
    model.eval()
    state = model.state_dict()
    stored = load_file(os.path.join(f.path, 'open_clip_model.safetensors'))
    assert set(state) == set(stored), set(state) ^ set(stored)
    assert all(torch.equal(state[name].view(-1), stored[name].view(-1)) for name in stored)
    pixels = torch.stack([preprocess(picture) for picture in f.pictures])
    ids = open_clip.get_tokenizer('local-dir:' + f.path)(f.texts)
    f.compare_ids(ids)
    return {'pixels': f.pixel_differences(pixels), 'image': model.encode_image(f.pixels), 'text': model.encode_text(ids)}


def check_timm(f):
    import timm
    from safetensors.torch import load_file
    model = timm.create_model('local-dir:' + f.path, pretrained=True).eval()
    state, stored = model.state_dict(), load_file(os.path.join(f.path, 'model.safetensors'))
    assert set(state) == set(stored), set(state) ^ set(stored)
    assert all(torch.equal(state[name], stored[name]) for name in stored)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    pixels = torch.stack([transform(picture) for picture in f.pictures])
    return {'pixels': f.pixel_differences(pixels), 'image': model(f.pixels)}


def check_sentence_transformers(f):
    from sentence_transformers import SentenceTransformer
    cut = [Image.open(os.path.join(f.path, each['cut'])).convert('RGB') for each in f.parity['pictures']]
    model = SentenceTransformer(f.path, device='cpu', local_files_only=True)
    image, text = model.encode(cut), model.encode(f.texts)
    for rows in (image, text):
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    return {'image': image, 'text': text}


def check_onnx(f):
    import onnxruntime
    run = lambda name, feeds: onnxruntime.InferenceSession(os.path.join(f.path, 'onnx', name)).run(None, feeds)
    pixels = {'pixel_values': f.pixels.numpy()}
    ids = {'input_ids': np.int64(f.ids)}
    if not f.texts:
        return {'image': run('model.onnx', pixels)[-1]}
    return {'image': run('vision_model.onnx', pixels)[-1], 'text': run('text_model.onnx', ids)[-1]}


CHECKS = {
    'transformers': check_transformers,
    'open-clip': check_open_clip,
    'timm': check_timm,
    'sentence-transformers': check_sentence_transformers,
    'onnx': check_onnx,
    'transformers.js': check_onnx,
}


def check(path):
    f = Folder(path)
    with torch.no_grad():
        found = CHECKS[f.parity['target']](f)
        off = {part: worst(unit(found[part]), f.features[part]) for part in f.features}
    off['short'] = found.get('short', 0)
    # An ONNX file may take more: its runtime fuses and adds in orders of its own.
    bar = 1e-4 if 'onnx' in f.parity['target'] or f.parity['target'] == 'transformers.js' else BAR
    assert all(value <= bar for value in off.values()), off
    same, others = found.get('pixels', (0, None))
    assert same <= 255 * SAME_PIXELS, same
    cell = lambda value: '' if value is None else f'{value:.1e}'
    texts = cell(off.get('text')) if f.texts else ''
    print(f"| {f.parity['run']} | {f.parity['target']} | {cell(off['image'])} | {texts} | {'' if others is None else round(others)} |", flush=True)


if __name__ == '__main__':
    print('| run | program | pictures | texts | bytes of a resized picture |\n| --- | --- | --- | --- | --- |')
    failed = 0
    for path in sys.argv[1:]:
        try:
            check(path)
        except Exception:
            failed += 1
            print(f'FAILED {path}\n{traceback.format_exc(limit=-2)}', flush=True)
    sys.exit(1 if failed else 0)
