import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { jpegOf, put } from '../../tests/data/make.ts';
import { contentsOf, tinyRun } from '../../tests/embed/tiny.ts';
import { runsFolder } from '../../tests/run/harness.ts';
import {
  asFolder,
  asManifest,
  asParquet,
  asWebdataset,
  type Sample,
  shapes,
} from '../../tests/run/shapes.ts';
import { openDataset, type SourceInput } from '../data/index.ts';
import { encodeDataset } from '../evaluate/index.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import { loadRun } from '../run/load-run.ts';
import { openSearch } from '../search/index.ts';
import { type EmbedOptions, embedSource } from './index.ts';

const folder = runsFolder();
const at = (...names: string[]) => join(folder, ...names);
const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** A reader of its own for the files that NumPy is to read. */
function readNpy(path: string): { shape: number[]; values: Float64Array } {
  const bytes = readFileSync(path);
  expect(bytes.toString('latin1', 0, 8)).toBe('\x93NUMPY\x01\x00');
  const start = 10 + bytes.readUInt16LE(8);
  expect(start % 64).toBe(0);
  const header = bytes.toString('latin1', 10, start);
  const [, type, tuple] = /^\{'descr': '<f(2|4)', 'fortran_order': False, 'shape': \((.*)\), \} *\n$/.exec(
    header,
  )!;
  const shape = tuple!.split(', ').map(Number);
  const size = Number(type);
  const read = (place: number) => {
    if (size === 4) return bytes.readFloatLE(place);
    const half = bytes.readUInt16LE(place);
    const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, (half & 1023) / 1024];
    return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
  };
  const count = shape.reduce((product, length) => product * length, 1);
  expect(bytes.length).toBe(start + count * size);
  return { shape, values: Float64Array.from({ length: count }, (_, i) => read(start + i * size)) };
}

let run: string;
let samples: Sample[];
let source: SourceInput;
beforeAll(async () => {
  run = await tinyRun(folder);
  samples = await shapes(600, { seed: 1 });
  source = asManifest(at('pictures'), samples);
});

const embed = (out: string, options: Partial<EmbedOptions> = {}, from: SourceInput = source) =>
  embedSource(run, from, { out: at(out), ...options });

/** Features as evaluations see them. */
async function features(from: SourceInput, texts: boolean) {
  const loaded = await loadRun(run);
  const dataset = await openDataset([from]);
  const { images, texts: captions } = await encodeDataset(dataset, loaded, { texts });
  const result = { images: images.toNumbers(), texts: captions?.toNumbers() };
  images.dispose();
  captions?.dispose();
  loaded.close();
  return result;
}

/** float16 has 11 bits of mantissa: rounding to it changes a number by at most 2^-11 of itself, and by 2^-25 near zero. */
const closeInHalves = (got: ArrayLike<number>, expected: readonly number[]) => {
  expect(got.length).toBe(expected.length);
  const worst = expected.map((value, i) => Math.abs(got[i]! - value) - Math.abs(value) * 2 ** -11);
  expect(Math.max(...worst)).toBeLessThanOrEqual(2 ** -25);
};

describe('embedSource', () => {
  it('writes the features of evaluations, and a line for each', async () => {
    const result = await embed('plain', { texts: true });
    expect(result).toEqual({ finished: true, out: at('plain'), rows: 600, skipped: { count: 0, first: [] } });
    const { images, texts } = await features(source, true);
    const [gotImages, gotTexts] = ['embeddings.npy', 'text_embeddings.npy'].map((name) =>
      readNpy(at('plain', name)),
    );
    expect([gotImages!.shape, gotTexts!.shape]).toEqual([
      [600, 32],
      [600, 32],
    ]);
    closeInHalves(gotImages!.values, images);
    closeInHalves(gotTexts!.values, texts!);
    expect(linesOf(at('plain/rows.jsonl'))).toEqual(
      samples.map(({ caption }, id) => ({
        id,
        path: at('pictures/pictures', `${String(id).padStart(4, '0')}.png`),
        caption,
      })),
    );
    expect(Object.keys(contentsOf(at('plain')))).toEqual([
      'embed.json',
      'embeddings.npy',
      'rows.jsonl',
      'text_embeddings.npy',
    ]);
    expect(existsSync(at('plain.partial'))).toBe(false);
  });

  it('writes float32 to the last bit', async () => {
    await embed('exact', { dtype: 'float32' });
    const { images } = await features(source, false);
    expect([...readNpy(at('exact/embeddings.npy')).values]).toEqual(images);
  });

  it.each([
    ['a folder', asFolder],
    ['shards', asWebdataset],
    ['Parquet', asParquet],
  ])('takes %s', async (name, make) => {
    const from = make(at(`from ${name}`), samples.slice(0, 40));
    await embed(`of ${name}`, {}, from);
    closeInHalves(readNpy(at(`of ${name}`, 'embeddings.npy')).values, (await features(from, false)).images);
    const [row] = linesOf(at(`of ${name}`, 'rows.jsonl'));
    if (name === 'a folder')
      expect(row).toMatchObject({ id: 0, path: expect.any(String), class: expect.any(String) });
    else expect(row.caption).toBe(samples[0]!.caption);
    const search = await openSearch(at(`of ${name}`));
    for (const id of [0, 39]) {
      const picture = Buffer.from(await search.readPicture(id));
      expect(samples.some(({ png }) => png.equals(picture))).toBe(true);
      if (name !== 'a folder') expect(picture).toEqual(samples[id]!.png);
    }
    await search.close();
  });

  it('skips pictures that cannot be read, and names them all', async () => {
    const from = asManifest(at('damaged'), samples);
    const bad = [0, 3, 255, 256, ...Array.from({ length: 40 }, (_, i) => 300 + i), 599];
    for (const id of bad)
      put(at('damaged/pictures'), { [`${String(id).padStart(4, '0')}.png`]: 'no picture' });
    const result = await embed('skips', {}, from);
    expect(result).toMatchObject({ rows: 600 - bad.length, skipped: { count: bad.length } });
    expect(result.skipped.first).toHaveLength(10);
    const skipped = linesOf(at('skips/skipped.jsonl'));
    expect(skipped.map(({ id }) => id)).toEqual(bad);
    expect(skipped[1]).toEqual({
      id: 3,
      name: at('damaged/pictures/0003.png'),
      reason: 'not a JPEG, PNG or WebP picture',
    });
    const ids = linesOf(at('skips/rows.jsonl')).map(({ id }) => id);
    expect(ids).toEqual(samples.map((_, id) => id).filter((id) => !bad.includes(id)));
    const whole = readNpy(at('exact/embeddings.npy')).values;
    const { shape, values } = readNpy(at('skips/embeddings.npy'));
    expect(shape).toEqual([ids.length, 32]);
    closeInHalves(
      values,
      ids.flatMap((id) => [...whole.subarray(id * 32, id * 32 + 32)]),
    );
  });

  it.each<[{ format?: 'parquet' }]>([[{}], [{ format: 'parquet' }]])(
    'writes patch tokens whose mean is the embedding of a ViT that pools by it, %j',
    async (options) => {
      const out = `patches ${options.format}`;
      await embed(out, { patches: true, dtype: options.format ? 'float32' : 'float16', ...options });
      const { shape, values } = readNpy(at(out, 'patch_embeddings.npy'));
      expect(shape).toEqual([600, 9, 32]);
      const path = join(run, 'checkpoints/step-00000004/model.safetensors');
      const proj = new Float32Array((await readSafetensors(path)).tensors.get('visual.proj')!.data.buffer);
      const { images } = await features(source, false);
      for (const row of [0, 300, 599]) {
        const mean = Array.from({ length: 32 }, (_, d) => {
          let sum = 0;
          for (let token = 0; token < 9; token++) sum += values[(row * 9 + token) * 32 + d]! / 9;
          return sum;
        });
        const projected = Array.from({ length: 32 }, (_, e) =>
          mean.reduce((sum, value, d) => sum + value * proj[d * 32 + e]!, 0),
        );
        const length = Math.hypot(...projected);
        // Nine tokens of about 1, each rounded to float16 (2^-11).
        for (const [e, value] of projected.entries())
          expect(Math.abs(value / length - images[row * 32 + e]!)).toBeLessThan(2e-3);
      }
    },
  );

  it('writes Parquet: path, caption, class and lists of one size', async () => {
    await embed('parquet', { format: 'parquet', texts: true });
    const file = await asyncBufferFromFile(at('parquet/embeddings.parquet'));
    const rows = await parquetReadObjects({ file });
    const { images, texts } = await features(source, true);
    expect(rows).toHaveLength(600);
    for (const [id, row] of rows.entries())
      expect(row).toEqual({
        id: BigInt(id),
        path: at('pictures/pictures', `${String(id).padStart(4, '0')}.png`),
        caption: samples[id]!.caption,
        class: null,
        embedding: images.slice(id * 32, id * 32 + 32),
        text_embedding: texts!.slice(id * 32, id * 32 + 32),
      });
    expect(Object.keys(contentsOf(at('parquet')))).toEqual(['embed.json', 'embeddings.parquet']);
  });

  it('does nothing when it is done already', async () => {
    const before = contentsOf(at('plain'));
    expect(await embed('plain', { texts: true })).toMatchObject({ finished: true, rows: 600 });
    expect(contentsOf(at('plain'))).toEqual(before);
  });
});

describe('a resume', () => {
  /** Ends as a killed process does: nothing is saved after the batch. */
  const killedAt = (batch: number): Partial<EmbedOptions> => {
    let seen = 0;
    return {
      onEvent: ({ type }) => {
        if (type === 'batch' && seen++ === batch) throw new Error('killed');
      },
    };
  };

  it.each([1, 2])('after a kill in batch %i gives the same bytes', async (batch) => {
    const out = `killed-${batch}`;
    const options = { texts: true, saveSeconds: 0 };
    await expect(embed(out, { ...options, ...killedAt(batch) })).rejects.toThrow('killed');
    expect(existsSync(at(out))).toBe(false);
    const journal = JSON.parse(readFileSync(at(`${out}.partial/progress.json`), 'utf8'));
    expect(journal.samples).toBe(256 * batch);
    // What was written after the last save.
    for (const name of ['embeddings.npy', 'rows.jsonl'])
      writeFileSync(at(`${out}.partial`, name), 'half a row', { flag: 'a' });
    const starts: number[] = [];
    await embed(out, { ...options, onEvent: (event) => event.type === 'start' && starts.push(event.done) });
    expect(starts).toEqual([256 * batch]);
    expect(contentsOf(at(out))).toEqual(contentsOf(at('plain')));
  });

  it('after a stop, and after a kill before the first save, gives the same bytes', async () => {
    const stop = new AbortController();
    const stopped = await embed('stopped', { texts: true, signal: stop.signal, onEvent: () => stop.abort() });
    expect(stopped).toMatchObject({ finished: false, rows: 256 });
    await embed('stopped', { texts: true });
    await expect(embed('early', { texts: true, ...killedAt(0) })).rejects.toThrow('killed');
    await embed('early', { texts: true });
    for (const out of ['stopped', 'early']) expect(contentsOf(at(out))).toEqual(contentsOf(at('plain')));
  });

  it.each([
    ['another option', { dtype: 'float32' } as const, /type of the numbers: "float16" there, "float32" now/],
    [
      'another checkpoint',
      { checkpoint: 'start' },
      /name of the checkpoint: "step-00000004" there, "start" now/,
    ],
    [
      'another precision',
      { set: ['precision=bfloat16'] },
      /precision of the forward pass: "float32" there, "bfloat16" now/,
    ],
  ])('with %s is refused', async (name, options, sentence) => {
    const out = `refused ${name}`;
    await expect(embed(out, killedAt(1))).rejects.toThrow('killed');
    await expect(embed(out, options)).rejects.toThrow(sentence);
    await expect(
      embed('exact', { dtype: 'float32', ...options, ...(name.includes('option') && { dtype: 'float16' }) }),
    ).rejects.toThrow(/ holds another embedding \(.*\)\. Choose another --out, or remove that folder\.$/);
  });

  it('with pictures that changed is refused', async () => {
    const from = asManifest(at('changes'), samples.slice(0, 300));
    await expect(embed('changed', killedAt(0), from)).rejects.toThrow('killed');
    put(at('changes/pictures'), { '0000.png': samples[1]!.png });
    await expect(embed('changed', {}, from)).rejects.toThrow(
      /SHA-256 of the source's index and file times: /,
    );
  });

  it('of a folder that lost bytes is refused', async () => {
    await expect(embed('cut', { ...killedAt(1), saveSeconds: 0 })).rejects.toThrow('killed');
    writeFileSync(at('cut.partial/embeddings.npy'), 'short');
    await expect(embed('cut')).rejects.toThrow(
      /embeddings\.npy has 5 bytes: expected at least 16512\. Remove its folder/,
    );
  });
});

describe('one sentence for', () => {
  it('a folder with other files, and a file in its place', async () => {
    put(at('other'), { 'notes.txt': 'mine' });
    await expect(embed('other')).rejects.toThrow(
      `${at('other')} holds other files, and no embedding. Choose another --out.`,
    );
    expect(readFileSync(at('other/notes.txt'), 'utf8')).toBe('mine');
    await expect(embed('other/notes.txt')).rejects.toThrow(/^Cannot write \S+notes\.txt: .* \(ENOTDIR\)\./);
  });

  it('a source without pictures, and one in which none can be read', async () => {
    mkdirSync(at('empty'));
    await expect(embed('of-empty', {}, { type: 'folder', path: at('empty') })).rejects.toThrow(
      /^source: no sample found in /,
    );
    put(at('unreadable'), { 'a.png': 'no picture', 'b.png': '' });
    await expect(embed('of-unreadable', {}, { type: 'folder', path: at('unreadable') })).rejects.toThrow(
      /^None of the 2 pictures could be embedded\.\n {2}\S+a\.png: not a JPEG, PNG or WebP picture\n {2}\S+b\.png: the file is empty$/,
    );
    for (const name of ['of-empty', 'of-unreadable', 'of-unreadable.partial'])
      expect(existsSync(at(name))).toBe(false);
  });

  it('captions that are not there, a run without a text tower, Parquet in float16, no run', async () => {
    put(at('plain-pictures'), { '1.jpg': await jpegOf([9, 9, 9]) });
    await expect(embed('x', { texts: true }, { type: 'folder', path: at('plain-pictures') })).rejects.toThrow(
      '--texts embeds captions, and the source has none: omit it, or name the column.',
    );
    await expect(embed('x', { format: 'parquet', dtype: 'float16' })).rejects.toThrow(
      /^Parquet has float32 numbers/,
    );
    await expect(embedSource(at('nowhere'), source, { out: at('x') })).rejects.toThrow(/nowhere is no run/);
    const image = { imageSize: 24, patchSize: 8, width: 32, layers: 1, heads: 2 };
    const method = { name: 'moco-v3', heads: { hidden: 16, embedDim: 8 } } as const;
    const moco = await tinyRun(at('moco'), { model: { image }, method });
    await expect(embedSource(moco, source, { out: at('x'), texts: true })).rejects.toThrow(
      `--texts embeds captions, and ${moco} has no text tower: omit it, or use a run of clip.`,
    );
    expect(await embedSource(moco, source, { out: at('of-moco') })).toMatchObject({ rows: 600 });
  });

  it('a disk that is full: nothing is named as done', async () => {
    // A file of /dev/full cannot be written, as on a full disk.
    const { symlinkSync } = await import('node:fs');
    mkdirSync(at('full.partial'));
    symlinkSync('/dev/full', at('full.partial/rows.jsonl'));
    await expect(embed('full')).rejects.toThrow(/^Cannot write \S+rows\.jsonl: /);
    expect(existsSync(at('full'))).toBe(false);
  });

  it('weights that are not finite: none is written', async () => {
    const broken = await tinyRun(at('broken'));
    const path = join(broken, 'checkpoints/step-00000004/model.safetensors');
    const { tensors, metadata } = await readSafetensors(path);
    new Float32Array(tensors.get('visual.proj')!.data.buffer)[5] = Number.NaN;
    await writeSafetensors(path, tensors, metadata);
    await expect(embedSource(broken, source, { out: at('nan') })).rejects.toThrow(
      /step-00000004: weight visual\.proj is not finite: its norm is NaN\. Use another checkpoint\.$/,
    );
    expect([existsSync(at('nan')), existsSync(at('nan.partial'))]).toEqual([false, false]);
  });

  it('another process that writes the same folder', async () => {
    const stop = new AbortController();
    await embed('locked', { signal: stop.signal, onEvent: () => stop.abort() });
    writeFileSync(
      at('locked.partial/lock'),
      JSON.stringify({
        pid: process.ppid,
        host: (await import('node:os')).hostname(),
        started: '2026-01-01T00:00:00Z',
      }),
    );
    await expect(embed('locked')).rejects.toThrow(
      new RegExp(
        `locked\\.partial is being written by process ${process.ppid} on .*\\. Wait for it, or choose another --out\\.`,
      ),
    );
    rmSync(at('locked.partial/lock'));
    expect(await embed('locked')).toMatchObject({ finished: true, rows: 600 });
  });
});
