import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../tests/data/make.ts';
import { CoupletError } from '../errors.ts';
import type { HostTensor } from '../io/host-tensor.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import { Clip } from '../models/clip.ts';
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import { OPEN_CLIP_VIT } from '../models/vit.ts';
import { findWeights } from './find.ts';
import { loadWeights } from './load.ts';

const FAMILIES = fileURLToPath(new URL('../../tests/parity/families/', import.meta.url));

type Tensors = Map<string, HostTensor>;

/** A family's folder, with changes. */
async function changed(
  family: string,
  { tensors: change, config }: { tensors?: (tensors: Tensors) => void; config?: (json: never) => object },
): Promise<string> {
  const folder = temporaryFolder();
  const isOpenClip = family.startsWith('open-clip');
  const [weights, json] = isOpenClip
    ? ['open_clip_model.safetensors', 'open_clip_config.json']
    : ['model.safetensors', 'config.json'];
  const { tensors } = await readSafetensors(join(FAMILIES, family, weights));
  change?.(tensors);
  await writeSafetensors(join(folder, weights), tensors);
  const said = JSON.parse(readFileSync(join(FAMILIES, family, json), 'utf8'));
  writeFileSync(join(folder, json), JSON.stringify(config ? config(said as never) : said));
  return folder;
}

/** What is said when a CLIP starts from a folder; nothing of it may have changed. */
async function refusal(path: string, sizes = 'hf-clip-gelu'): Promise<string> {
  const model = findWeights(join(FAMILIES, sizes)).model;
  if (!hasTexts(model)) throw new Error('expected a CLIP');
  const clip = new Clip(model, { seed: 0 });
  const tensors = clip.namedParameters();
  const values = () => [...tensors.values()].map((tensor) => tensor.toNumbers());
  const before = values();
  try {
    const target = { tensors, model: model as AnyModelSpec, part: 'all' as const };
    await loadWeights(findWeights(path), { ...target, ours: { prefix: 'visual.', style: OPEN_CLIP_VIT } });
  } catch (error) {
    expect(error).toBeInstanceOf(CoupletError);
    expect(values()).toEqual(before);
    const { message } = error as Error;
    expect(message).not.toMatch(/undefined|NaN|\[object|\n\s+at /);
    return message.replaceAll(path, 'PATH');
  } finally {
    clip.dispose();
  }
  throw new Error('it was loaded');
}

const SOME = 'vision_model.encoder.layers.1.mlp.fc1.weight';

describe('tensors that do not fit', () => {
  test('missing, unexpected and of another shape are listed together', async () => {
    const path = await changed('hf-clip-gelu', {
      tensors(tensors) {
        tensors.delete('text_model.final_layer_norm.bias');
        tensors.set('vision_model.extra', tensors.get('logit_scale')!);
        tensors.set(SOME, { ...tensors.get(SOME)!, shape: [24, 36] });
      },
    });
    expect(await refusal(path)).toBe(
      "model.from: PATH looks like transformers' CLIPModel, but 3 of its tensors do not fit, and nothing is loaded:\n" +
        `  ${SOME} is [24,36], expected [36,24]\n` +
        '  text_model.final_layer_norm.bias is missing\n' +
        '  vision_model.extra is unexpected',
    );
  });

  test('many are counted', async () => {
    const path = await changed('hf-clip-gelu', {
      tensors(tensors) {
        for (let i = 0; i < 40; i++) tensors.set(`other.${i}`, tensors.get('logit_scale')!);
      },
    });
    expect(await refusal(path)).toMatch(/40 of its tensors do not fit[\s\S]*\n {2}and 34 more$/);
  });

  test('a block left out in the middle', async () => {
    const path = await changed('hf-clip-gelu', {
      tensors(tensors) {
        for (const name of [...tensors.keys()])
          if (name.startsWith('text_model.encoder.layers.0.mlp')) tensors.delete(name);
      },
    });
    expect(await refusal(path)).toMatch(/has no tensor text_model\.encoder\.layers\.0\.mlp\.fc1\.weight\.$/);
  });

  test('an index of billions makes no table of billions', async () => {
    const path = await changed('hf-clip-gelu', {
      tensors: (tensors) =>
        void tensors.set('text_model.encoder.layers.4000000000.x', tensors.get('logit_scale')!),
    });
    expect(await refusal(path)).toMatch(
      /it has no tensors text_model\.encoder\.layers\.2\., but has some of later blocks/,
    );
    const bare = await changed('timm-vit', {
      tensors: (tensors) => void tensors.set('blocks.4000000000.x', tensors.get('norm.bias')!),
      config: () => ({ model_args: { num_heads: 3 } }),
    });
    expect(await refusal(bare)).toMatch(/it has no tensors blocks\.2\., but has some of later blocks/);
  });

  test('a dtype that is no number with a fraction', async () => {
    const path = await changed('hf-clip-gelu', {
      tensors: (tensors) =>
        void tensors.set(SOME, { dtype: 'uint8', shape: [36, 24], data: new Uint8Array(36 * 24) }),
    });
    expect(await refusal(path)).toBe(
      `model.from: PATH: ${SOME} has the dtype uint8, expected floating point numbers.`,
    );
  });

  test('a tensor with too few dimensions to tell a size', async () => {
    const path = await changed('hf-clip-gelu', {
      tensors: (tensors) => {
        const name = 'vision_model.embeddings.patch_embedding.weight';
        const { data } = tensors.get(name)!;
        tensors.set(name, { dtype: 'float32', shape: [data.length / 4], data });
      },
    });
    expect(await refusal(path)).toMatch(/patch_embedding\.weight is \[4608\], expected more dimensions\.$/);
  });
});

describe('damaged files', () => {
  test('cut', async () => {
    const path = await changed('hf-clip-gelu', {});
    truncateSync(join(path, 'model.safetensors'), 40_000);
    expect(await refusal(path)).toMatch(/PATH\/model\.safetensors .*(cut|shorter|bytes)/);
    truncateSync(join(path, 'model.safetensors'), 5);
    expect(await refusal(path)).toMatch(/is not a safetensors file: it has 5 bytes/);
  });

  test.each([
    ['a header of terabytes', (bytes: Buffer) => void bytes.writeBigUInt64LE(2n ** 42n, 0)],
    ['no JSON', (bytes: Buffer) => void bytes.fill('{', 8, 20)],
  ])('%s', async (_, damage) => {
    const path = await changed('hf-clip-gelu', {});
    const bytes = readFileSync(join(path, 'model.safetensors'));
    damage(bytes);
    writeFileSync(join(path, 'model.safetensors'), bytes);
    expect(await refusal(path)).toMatch(/^PATH\/model\.safetensors /);
  });

  test('a config that is no object, or no JSON', async () => {
    const path = await changed('hf-clip-gelu', { config: () => [] });
    expect(await refusal(path)).toMatch(/^PATH\/config\.json/);
    writeFileSync(join(path, 'config.json'), '{');
    expect(await refusal(path)).toMatch(/^PATH\/config\.json/);
  });

  test.each([
    ['../model.safetensors', /lies in \.\.\/model\.safetensors: expected a file of the same folder\.$/],
    ['/etc/passwd', /lies in \/etc\/passwd: expected a file of the same folder\.$/],
    ['gone.safetensors', /PATH\/gone\.safetensors/],
    ['model.safetensors', /which has no such tensor/],
  ])('an index that names %s', async (file, expected) => {
    const path = await changed('hf-clip-gelu', {});
    const index = JSON.stringify({ weight_map: { 'no.such.tensor': file } });
    writeFileSync(join(path, 'model.safetensors.index.json'), index);
    expect(await refusal(path)).toMatch(expected);
  });
});

describe('a config that contradicts the tensors', () => {
  type Clip = { vision_config: object; text_config: object };
  const inVision =
    (part: object) =>
    ({ vision_config, ...rest }: Clip) => ({ ...rest, vision_config: { ...vision_config, ...part } });

  test.each([
    [
      { hidden_size: 32 },
      'its config says hidden_size 32, but the tensors have 24. Take both from one place.',
    ],
    [{ image_size: 64 }, 'its config says image_size 64, but the tensors have 32. Take both from one place.'],
    [{ patch_size: 16 }, 'its config says patch_size 16, but the tensors have 8. Take both from one place.'],
    [
      { num_hidden_layers: 12 },
      'its config says num_hidden_layers 12, but the tensors have 2. Take both from one place.',
    ],
    [{ num_attention_heads: 7 }, 'its config says 7 heads, which do not divide the width 24.'],
    [{ num_hidden_layers: '2' }, 'its config says num_hidden_layers: "2", expected a positive number.'],
    [
      { hidden_act: 'relu' },
      'its activation is "relu"; Couplet has gelu, quick_gelu, gelu_pytorch_tanh, gelu_tanh, gelu_new.',
    ],
  ])('%o', async (part, expected) => {
    const path = await changed('hf-clip-gelu', { config: inVision(part) as never });
    expect(await refusal(path)).toBe(`model.from: PATH: ${expected}`);
  });

  test("open_clip's pooling that Couplet has not", async () => {
    const path = await changed('open-clip', {
      config: ({ model_cfg }: { model_cfg: { text_cfg: object } }) => ({
        model_cfg: { ...model_cfg, text_cfg: { ...model_cfg.text_cfg, pool_type: 'first' } },
      }),
    });
    expect(await refusal(path, 'open-clip')).toBe(
      'model.from: PATH: its config says text_cfg.pool_type "first"; Couplet has argmax and last.',
    );
  });

  test("CLIP's without a config, which alone says the activation", async () => {
    const folder = temporaryFolder();
    copyFileSync(join(FAMILIES, 'hf-clip-gelu/model.safetensors'), join(folder, 'model.safetensors'));
    expect(await refusal(folder)).toMatch(/there is no config\.json beside it, which says the activation/);
  });
});

describe('what is no family of Couplet', () => {
  test('names like those of BERT', async () => {
    const folder = temporaryFolder();
    const tensor: HostTensor = { dtype: 'float32', shape: [2], data: new Uint8Array(8) };
    const names = [
      'bert.embeddings.word_embeddings.weight',
      'bert.encoder.layer.0.attention.self.query.weight',
    ];
    await writeSafetensors(join(folder, 'model.safetensors'), new Map(names.map((name) => [name, tensor])));
    const said = await refusal(folder);
    expect(said).toMatch(
      /^model\.from: PATH is of no family that Couplet knows\. Its first tensors are bert\./,
    );
    expect(said).toContain("known are open_clip's CLIP");
  });

  test.each(['pytorch_model.bin', 'ViT-B-32.pt', 'vit.pth', 'last.ckpt', 'vit.npz'])('%s', async (name) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, name), 'pickle');
    const stem = name.slice(0, name.lastIndexOf('.'));
    const said = await refusal(join(folder, name));
    expect(said).toMatch(/^model\.from: PATH is no safetensors file\. /);
    expect(await refusal(folder)).toContain(`PATH/${name} is no safetensors file`);
    if (name.endsWith('.npz')) {
      expect(said).toMatch(/Save the model as safetensors by the program that made it\.$/);
      return;
    }
    expect(said).toContain('python -c "import sys, torch;');
    expect(said).toContain(`PATH ${join(folder, stem)}.safetensors`);
    expect(said).toContain('torch.jit.load');
  });

  test('a path with a space is quoted in the command', async () => {
    const path = join(temporaryFolder(), "my model's.pt");
    writeFileSync(path, 'pickle');
    expect(await refusal(path)).toContain(`'${join(dirname(path), "my model'\\''s")}.safetensors'`);
  });

  test('no file, an empty folder, several files', async () => {
    expect(await refusal('/none')).toMatch(/^model\.from: there is no file or folder PATH\./);
    const folder = temporaryFolder();
    expect(await refusal(folder)).toMatch(/has no weights: expected model\.safetensors/);
    for (const name of ['a', 'b'])
      copyFileSync(join(FAMILIES, 'timm-vit/model.safetensors'), join(folder, `${name}.safetensors`));
    expect(await refusal(folder)).toMatch(/has 2 safetensors files .* name the file that is meant\.$/);
  });

  test('fifos and devices are no weights', async () => {
    expect(await refusal('/dev/null')).toMatch(/0 bytes/);
  });
});
