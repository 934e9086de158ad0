import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import type { SourceInput } from '../../src/data/index.ts';
import { makeTar, put } from '../data/make.ts';

/** A real, learnable data set made by code: coloured shapes and the words for them. */

const COLOURS = ['red', 'green', 'blue', 'yellow', 'black', 'white'] as const;
const SHAPES = {
  circle: (r: number) => `<circle r="${r}"/>`,
  square: (r: number) => `<rect x="${-r}" y="${-r}" width="${2 * r}" height="${2 * r}"/>`,
  triangle: (r: number) => `<polygon points="0,${-r} ${r},${r} ${-r},${r}"/>`,
  cross: (r: number) => `<path d="M${-r} 0H${r}M0 ${-r}V${r}" stroke-width="3"/>`,
};
const SIZES = { small: 4, large: 8 };
const SIDES = { left: 10, right: 22 };

/** All 96 captions, sorted. */
const CAPTIONS = COLOURS.flatMap((colour) =>
  Object.keys(SHAPES).flatMap((shape) =>
    Object.keys(SIZES).flatMap((size) =>
      Object.keys(SIDES).map((side) => `${size} ${colour} ${shape} on the ${side}`),
    ),
  ),
).sort();

export interface Sample {
  /** `small red circle on the left`. */
  name: string;
  caption: string;
  /** Position among all captions. */
  label: number;
  /** 32 x 32 pixels. */
  png: Buffer;
}

/** Sample `k` has caption k modulo 96; `seed` moves each picture by a pixel or two, so that another seed is held-out data. */
export function shapes(count: number, { seed = 0 }: { seed?: number } = {}): Promise<Sample[]> {
  return Promise.all(Array.from({ length: count }, (_, k) => sampleOf(k, seed)));
}

async function sampleOf(k: number, seed: number): Promise<Sample> {
  const label = k % CAPTIONS.length;
  const name = CAPTIONS[label]!;
  const [size, colour, shape, , , side] = name.split(' ') as [
    keyof typeof SIZES,
    string,
    keyof typeof SHAPES,
    string,
    string,
    keyof typeof SIDES,
  ];
  const jitter = (salt: number) => (Math.imul(k * 31 + seed * 7919 + salt, 0x9e3779b1) >>> 30) - 1;
  const at = `translate(${SIDES[side] + jitter(1)},${16 + jitter(2)})`;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><rect width="32" height="32" fill="#808080"/>` +
    `<g transform="${at}" fill="${colour}" stroke="${colour}">${SHAPES[shape](SIZES[size])}</g></svg>`;
  const png = await sharp(Buffer.from(svg)).removeAlpha().png().toBuffer();
  return { name, caption: `a ${name}.`, label, png };
}

const keyOf = (k: number) => String(k).padStart(4, '0');

/** Two tar shards with KEY.png, KEY.txt and KEY.cls. */
export function asWebdataset(folder: string, samples: readonly Sample[]): SourceInput {
  const half = Math.ceil(samples.length / 2);
  const shard = (from: number, to: number) =>
    makeTar(
      samples.slice(from, to).flatMap(({ png, caption, label }, i) => [
        { name: `${keyOf(from + i)}.png`, data: png },
        { name: `${keyOf(from + i)}.txt`, data: caption },
        { name: `${keyOf(from + i)}.cls`, data: String(label) },
      ]),
    );
  put(folder, { 'shard-0.tar': shard(0, half), 'shard-1.tar': shard(half, samples.length) });
  return { type: 'webdataset', path: join(folder, 'shard-{0..1}.tar') };
}

/** One folder per caption. The samples come sorted by class, whatever their order here. */
export function asFolder(folder: string, samples: readonly Sample[]): SourceInput {
  samples.forEach(({ name, png }, k) => {
    put(folder, { [`${name.replaceAll(' ', '_')}/${keyOf(k)}.png`]: png });
  });
  return { type: 'folder', path: folder, templates: ['a {}.'] };
}

/** Pictures and a CSV file with their paths and captions. */
export function asManifest(folder: string, samples: readonly Sample[]): SourceInput {
  samples.forEach(({ png }, k) => {
    put(folder, { [`pictures/${keyOf(k)}.png`]: png });
  });
  const rows = samples.map(({ caption }, k) => `pictures/${keyOf(k)}.png,"${caption}"`);
  put(folder, { 'pairs.csv': `${['filepath,title', ...rows].join('\n')}\n` });
  return { type: 'manifest', path: join(folder, 'pairs.csv') };
}

/** Parquet as Hugging Face lays it out: struct<bytes, path>, a caption, a label. */
export function asParquet(folder: string, samples: readonly Sample[]): SourceInput {
  mkdirSync(folder, { recursive: true });
  const file = parquetWriteBuffer({
    schema: [
      { name: 'root', num_children: 2 },
      { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
      { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
      { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      { name: 'caption', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    ],
    columnData: [
      {
        name: 'image',
        data: samples.map(({ png }, k) => ({ bytes: new Uint8Array(png), path: `${keyOf(k)}.png` })),
      },
      { name: 'caption', data: samples.map(({ caption }) => caption) },
    ],
  });
  const path = join(folder, 'pairs.parquet');
  writeFileSync(path, new Uint8Array(file));
  return { type: 'parquet', path };
}
