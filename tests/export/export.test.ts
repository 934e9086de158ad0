// `couplet export`: folders for other programs, from tiny runs of two steps. tests/parity/check-export.py loads such folders in Python.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunConfigInput } from '../../src/config/index.ts';
import { checkExport, type ExportOptions, exportRun } from '../../src/export/index.ts';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { loadRun } from '../../src/run/load-run.ts';
import { noGrad, scope, tensor } from '../../src/torch/index.ts';
import { runsFolder, tinyConfig, tinyModel, trainTiny } from '../run/harness.ts';
import { asWebdataset, shapes } from '../run/shapes.ts';

const folder = runsFolder();
let train: RunConfigInput['data']['train'];
const runs = new Map<string, string>();

const image = { ...tinyModel.image, pool: 'class' } as const;
const clip = { ...tinyModel, image };
const resnet = { type: 'resnet', imageSize: 32, layers: [1, 1, 1, 1], width: 8, heads: 4 } as const;
const siglip = {
  embedDim: 32,
  image: {
    ...image,
    pool: 'attention',
    classToken: false,
    preNorm: false,
    patchBias: true,
    projection: false,
  },
  text: { ...clip.text, causal: false, pool: 'last', projectionBias: true },
} as const;
const dinoMethod = { name: 'dino', localCrops: { count: 0 } } as const;

type Made = [string, RunConfigInput['method'], RunConfigInput['model']];
const MADE: Made[] = [
  ['clip', { name: 'clip' }, clip],
  ['resnet', { name: 'clip' }, { ...clip, image: resnet } as never],
  ['bias', { name: 'siglip' }, clip],
  ['siglip', { name: 'siglip' }, siglip],
  ['dino', dinoMethod, { image }],
  ['moco', { name: 'moco-v3' }, { image: { ...image, registers: 2, layerScale: true } }],
  ['simclr', { name: 'simclr' }, { image: { ...image, pool: 'mean' } }],
];

async function made(name: string): Promise<string> {
  const known = runs.get(name);
  if (known) return known;
  const [, method, model] = MADE.find(([each]) => each === name)!;
  const { runDir } = await trainTiny(tinyConfig({ train, name, method, model, duration: { steps: 2 } }), {
    runsDir: folder,
  });
  runs.set(name, runDir);
  return runDir;
}

async function exported(name: string, to: string, options: Partial<ExportOptions> = {}) {
  const out = options.out ?? join(folder, 'exports', `${name}-${to}`);
  return exportRun(await made(name), { to, ...options, out });
}

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const namesIn = async (path: string) =>
  new Map([...(await readSafetensors(path)).tensors].map(([name, { shape }]) => [name, shape.join()]));

beforeAll(async () => {
  train = asWebdataset(join(folder, 'train'), await shapes(48));
});

const ONE_FILE = ['transformers', 'open-clip', 'timm', 'sentence-transformers'];
const FITS: Record<string, string[]> = {
  clip: ['transformers', 'open-clip', 'sentence-transformers'],
  resnet: ['open-clip'],
  bias: ['transformers', 'open-clip', 'sentence-transformers'],
  siglip: ['transformers'],
  dino: ['transformers', 'timm'],
  moco: ['transformers'],
  simclr: ['timm'],
};

describe.each(Object.entries(FITS))('a run of %s', (name, fits) => {
  test.each(fits)('for %s: whole, and equal to the run', async (to) => {
    const result = await exported(name, to);
    const files = readdirSync(result.out);
    for (const file of ['README.md', 'parity.json', 'parity']) expect(files).toContain(file);
    const check = await checkExport(result.out);
    expect(check.passes).toBe(true);
    expect(check.files).toHaveLength(1);
    expect(check.files[0]!.worst).toBeLessThan(1e-5);
  });

  test('what does not fit is refused with the programs that take it', async () => {
    for (const to of ONE_FILE.filter((each) => !fits.includes(each))) {
      const [first] = fits;
      await expect(exported(name, to)).rejects.toThrow(
        new RegExp(`^${to} cannot have the model of .*: it has .*\\. Use --to .*${first}`),
      );
      expect(existsSync(join(folder, 'exports', `${name}-${to}`))).toBe(false);
    }
  });
});

describe('names and shapes are those of the program', () => {
  test("transformers' CLIPModel", async () => {
    const { out } = await exported('clip', 'transformers', { out: join(folder, 'hf') });
    const tensors = await namesIn(join(out, 'model.safetensors'));
    const vocab = json(join(out, 'config.json')).text_config.vocab_size;
    const layer = 'vision_model.encoder.layers.0.';
    expect(Object.fromEntries(tensors)).toMatchObject({
      logit_scale: '',
      'visual_projection.weight': '32,32',
      'text_projection.weight': '32,32',
      'vision_model.embeddings.class_embedding': '32',
      'vision_model.embeddings.patch_embedding.weight': '32,3,8,8',
      'vision_model.embeddings.position_embedding.weight': '10,32',
      'vision_model.pre_layrnorm.weight': '32',
      'vision_model.post_layernorm.bias': '32',
      [`${layer}self_attn.q_proj.weight`]: '32,32',
      [`${layer}self_attn.out_proj.bias`]: '32',
      [`${layer}mlp.fc1.weight`]: '128,32',
      'text_model.embeddings.token_embedding.weight': `${vocab},32`,
      'text_model.embeddings.position_embedding.weight': '16,32',
      'text_model.final_layer_norm.weight': '32',
    });
    expect(tensors.size).toBe(14 + 2 * 16);
    const config = json(join(out, 'config.json'));
    expect(config.vision_config.hidden_act).toBe('gelu');
    expect(config.text_config.eos_token_id).toBe(vocab - 1);
  });

  test("timm's, of DINO's teacher; its student on request", async () => {
    const teacher = await exported('dino', 'timm', { out: join(folder, 'teacher') });
    const student = await exported('dino', 'timm', { out: join(folder, 'student'), student: true });
    const saved = (
      await readSafetensors(join(await made('dino'), 'checkpoints/step-00000002/model.safetensors'))
    ).tensors;
    for (const [out, prefix] of [
      [teacher.out, 'teacher.backbone.'],
      [student.out, 'backbone.'],
    ] as const) {
      const { tensors } = await readSafetensors(join(out, 'model.safetensors'));
      expect(
        [...tensors.keys()].filter((name) => !/^(blocks\.0|norm|patch_embed|cls_|pos_)/.test(name)),
      ).toEqual([]);
      for (const [name, { data }] of tensors)
        expect(Buffer.from(data).equals(Buffer.from(saved.get(prefix + name)!.data)), name).toBe(true);
    }
    await expect(
      exported('moco', 'transformers', { student: true, out: join(folder, 'no') }),
    ).rejects.toThrow('--student is for runs of dino: the method moco-v3 has no teacher.');
  });

  test("transformers' Dinov2WithRegistersModel", async () => {
    const { out } = await exported('moco', 'transformers', { out: join(folder, 'registers') });
    const tensors = await namesIn(join(out, 'model.safetensors'));
    expect(Object.fromEntries(tensors)).toMatchObject({
      'embeddings.register_tokens': '1,2,32',
      'embeddings.mask_token': '1,32',
      'embeddings.position_embeddings': '1,10,32',
      'encoder.layer.0.layer_scale1.lambda1': '32',
      'encoder.layer.0.attention.attention.query.weight': '32,32',
    });
    expect(json(join(out, 'config.json'))).toMatchObject({
      architectures: ['Dinov2WithRegistersModel'],
      num_register_tokens: 2,
    });
  });
});

/** Features of one picture and one text, as bits. */
async function bitsOf(runDir: string, checkpoint?: string) {
  const run = await loadRun(runDir, checkpoint === undefined ? {} : { checkpoint });
  const { method, imageSize: side, tokenizer } = run;
  const bytes = Uint8Array.from({ length: side * side * 3 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  const numbers = noGrad(() =>
    scope(() => [
      ...method.encodeImages(tensor(bytes, [1, side, side, 3])).toNumbers(),
      ...(tokenizer
        ? method.encodeTexts!(
            tensor(tokenizer.encode('a red square'), [1, tokenizer.contextLength]),
          ).toNumbers()
        : []),
    ]),
  ) as unknown as number[];
  run.close();
  return numbers;
}

test.each([
  ['clip', 'transformers'],
  ['resnet', 'open-clip'],
  ['bias', 'open-clip'],
  ['siglip', 'transformers'],
  ['simclr', 'timm'],
] as const)('run -> export -> from: %s by %s, bit for bit', async (name, to) => {
  const { out } = await exported(name, to, { out: join(folder, `trip-${name}`) });
  const method = MADE.find(([each]) => each === name)![1];
  const config = tinyConfig({
    train,
    name: `again-${name}`,
    method,
    model: { from: out },
    duration: { steps: 1 },
  });
  delete (config.data as { tokenizer?: unknown }).tokenizer;
  const { runDir } = await trainTiny(config, { runsDir: folder });
  expect(await bitsOf(runDir, 'start')).toEqual(await bitsOf(await made(name)));
});

describe('ONNX', () => {
  test('one file for each tower and both, int8 beside float32', async () => {
    const { out, files } = await exported('clip', 'onnx', { variants: ['fp32', 'q8'] });
    const expected = [
      'model',
      'model_quantized',
      'text_model',
      'text_model_quantized',
      'vision_model',
      'vision_model_quantized',
    ];
    expect(readdirSync(join(out, 'onnx')).sort()).toEqual(expected.map((name) => `${name}.onnx`));
    expect(files.every(({ cosine }) => cosine > 0.98)).toBe(true);
    expect((await checkExport(out)).passes).toBe(true);
    expect(readdirSync(out)).toEqual(expect.arrayContaining(['preprocessor_config.json', 'tokenizer.json']));
  });

  test('transformers.js: a config, graphs that resize, and never without int8', async () => {
    const { out } = await exported('dino', 'transformers.js', { variants: ['fp32', 'q8'] });
    expect(json(join(out, 'config.json')).model_type).toBe('vit');
    expect(json(join(out, 'preprocessor_config.json')).do_resize).toBe(false);
    await expect(
      exported('dino', 'transformers.js', { variants: ['fp32'], out: join(folder, 'fp32') }),
    ).rejects.toThrow(/--variants lacks q8/);
    expect(existsSync(join(folder, 'fp32'))).toBe(false);
  });
});

describe('the model card', () => {
  test('says license, method, use, and that nothing was evaluated', async () => {
    const { out } = await exported('clip', 'open-clip', { out: join(folder, 'card'), license: 'apache-2.0' });
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toMatch(/^---\nlicense: apache-2\.0\nlibrary_name: open_clip\npipeline_tag: zero-shot/);
    expect(card).toContain('This model was never evaluated.');
    expect(card).toContain("open_clip.create_model_and_transforms('local-dir:' + DIR)");
    expect(card).toContain('Trained on 48 samples');
    expect(card).not.toContain(folder);
  });

  test('has the last evaluation', async () => {
    const runDir = join(folder, 'evaluated');
    cpSync(await made('clip'), runDir, { recursive: true });
    writeFileSync(join(runDir, 'metrics.jsonl'), '{"step":2,"eval/retrieval_r10":0.12345}\n');
    const { out } = await exportRun(runDir, { to: 'open-clip', out: join(folder, 'card-2') });
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toContain('| retrieval_r10 | 0.1235 |');
  });

  test('a bias that CLIPModel lacks is named', async () => {
    const { remarks } = await exported('bias', 'transformers', { out: join(folder, 'lost') });
    expect(remarks[0]).toMatch(/^CLIPModel has no logit_bias \(-/);
  });
});

describe('bad input', () => {
  test('an older export is replaced only with force, another folder never', async () => {
    const out = join(folder, 'old');
    await exported('simclr', 'timm', { out });
    await expect(exported('simclr', 'timm', { out })).rejects.toThrow('give --force to replace it');
    writeFileSync(join(out, 'mine.txt'), 'x');
    await exported('simclr', 'timm', { out, force: true });
    expect(existsSync(join(out, 'mine.txt'))).toBe(false);
    const other = join(folder, 'other');
    mkdirSync(other);
    await expect(exported('simclr', 'timm', { out: other, force: true })).rejects.toThrow('and is no export');
  });

  test('unknown targets, variants and licenses; a folder that is no run', async () => {
    await expect(exported('simclr', 'keras')).rejects.toThrow(
      'There is no target keras: expected transformers,',
    );
    await expect(exported('simclr', 'onnx', { variants: ['q2' as never] })).rejects.toThrow('no variant q2');
    await expect(exported('simclr', 'timm', { license: 'a\nb' })).rejects.toThrow('expected an id such as');
    await expect(exportRun(join(folder, 'none'), { to: 'timm' })).rejects.toThrow('is no run');
  });

  test('--check: changed weights differ; changed pixels, no export and a lost tensor are told', async () => {
    const { out } = await exported('simclr', 'timm', { out: join(folder, 'changed') });
    const path = join(out, 'model.safetensors');
    const { tensors } = await readSafetensors(path);
    const kernel = tensors.get('patch_embed.proj.weight')!;
    new Float32Array(kernel.data.buffer, kernel.data.byteOffset, 1)[0]! += 0.1;
    await writeSafetensors(path, tensors);
    expect((await checkExport(out)).passes).toBe(false);
    tensors.delete('norm.bias');
    await writeSafetensors(path, tensors);
    await expect(checkExport(out)).rejects.toThrow(/norm\.bias is missing/);
    cpSync(join(out, 'parity/1-cut.png'), join(out, 'parity/0-cut.png'));
    await expect(checkExport(out)).rejects.toThrow('0-cut.png has other pixels than parity.json says');
    await expect(checkExport(folder)).rejects.toThrow(/parity\.json/);
  });
});
