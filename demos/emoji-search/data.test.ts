import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from '../../scripts/data-sets/png.ts';
import { readShard, writeShard } from '../shards.ts';
import { shareOfWordsIn } from '../words.ts';
import type { Caption } from './data.ts';
import { loadEmoji, sheetPath } from './emoji.ts';
import { draw, readSheet, type Sheet, SIDE, WHITE } from './pictures.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'couplet-emoji-'));
});
afterAll(() => rm(folder, { recursive: true }));

const decode = async (png: Buffer) => new Uint8Array(await sharp(png).raw().toBuffer());
const meanError = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, value, at) => sum + Math.abs(value - b[at]!), 0) / a.length;

describe('pictures', () => {
  let sheet: Sheet;
  let lion: { column: number; row: number };
  beforeAll(async () => {
    sheet = await readSheet('twitter');
    lion = (await loadEmoji()).find(({ label }) => label === 'lion')!.cell;
  });

  it('are what sharp cuts out of the sheet and flattens', async () => {
    const area = { left: lion.column * 66 + 1, top: lion.row * 66 + 1, width: SIDE, height: SIDE };
    const cut = sharp(sheetPath('twitter')).extract(area).flatten({ background: '#3c4048' });
    const expected = new Uint8Array(await cut.raw().toBuffer());
    expect(meanError(draw(sheet, lion, { background: [60, 64, 72] }), expected)).toBeLessThan(0.5);
  });

  it('turn with the clock: a quarter is what sharp makes of a quarter', async () => {
    const upright = draw(sheet, lion, { background: WHITE });
    const raw = { raw: { width: SIDE, height: SIDE, channels: 3 as const } };
    const expected = new Uint8Array(await sharp(upright, raw).rotate(90).raw().toBuffer());
    expect(meanError(upright, expected)).toBeGreaterThan(5);
    expect(meanError(draw(sheet, lion, { background: WHITE, angle: 90 }), expected)).toBeLessThan(0.5);
  });

  it('shrink towards the middle', () => {
    const small = draw(sheet, lion, { background: WHITE, zoom: 0.5 });
    const frame = small.filter((_, at) => Math.floor(at / 3 / SIDE) < SIDE / 4 - 2);
    expect(new Set(frame)).toEqual(new Set([255]));
    expect(new Set(small).size).toBeGreaterThan(20);
  });

  it('survive our PNG, read by sharp', async () => {
    const pixels = draw(sheet, lion, { background: WHITE, angle: 10 });
    expect(await decode(encodePng(pixels, SIDE))).toEqual(pixels);
  });
});

describe('shards', () => {
  const facts = (key: string): Caption => {
    const words = { label: 'é 🦁', tags: ['a'], kind: 'b', caption: `caption of ${key}` };
    return { key, ...words, hexcode: key, vendor: 'google', split: 'train' };
  };
  const samples = ['1F981', '1F982'].map((key, index) => ({
    picture: Buffer.alloc(500 + 24 * index, index + 1),
    facts: facts(key),
  }));

  it('come back as they were', async () => {
    const path = join(folder, 'shard.tar');
    await writeShard(path, samples);
    expect(await readShard(path)).toEqual(samples);
  });

  it('are tar files to tar', async () => {
    const path = join(folder, 'shard.tar');
    await writeShard(path, samples);
    expect(execFileSync('tar', ['tf', path], { encoding: 'utf8' }).trim().split('\n')).toEqual(
      ['1F981', '1F982'].flatMap((key) => [`${key}.png`, `${key}.txt`, `${key}.json`]),
    );
    expect(execFileSync('tar', ['xOf', path, '1F982.txt'], { encoding: 'utf8' })).toBe('caption of 1F982');
  });
});

it('counts words that were seen', () => {
  expect(shareOfWordsIn(['Red apple, fruit'], ['red fruit', 'green pear'])).toBe(0.5);
});
