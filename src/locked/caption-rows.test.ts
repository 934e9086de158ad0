import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { put, temporaryFolder } from '../../tests/data/make.ts';
import { asFolder, asManifest, shapes } from '../../tests/run/shapes.ts';
import { captionTokens, type Dataset, openDataset, type SourceInput } from '../data/index.ts';
import { EpochCaptions } from '../data/loader/epoch-captions.ts';
import { createTokenizer } from '../data/tokenizer/tokenizer.ts';
import { CaptionRows } from './caption-rows.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const tokenizer = createTokenizer({ type: 'clip', contextLength: 16 });
const SEED = 3;

async function rowsIn(dataset: Dataset) {
  const tokens = await captionTokens(dataset, { workers: 1, tokenizer });
  const rows = new CaptionRows(dataset, { sizes: new Int32Array(2 * dataset.size).fill(1), tokens });
  return { rows, captions: new EpochCaptions(dataset, { tokenizer, ownTokens: tokens }) };
}

const samples = await shapes(12);
const sources: Record<string, SourceInput> = {
  'one caption each': asManifest(join(folder, 'own'), samples),
  'class names and templates': {
    ...asFolder(join(folder, 'classes'), samples),
    templates: ['a {}.', 'one {}, here', 'this is the {}'],
  } as SourceInput,
};
put(folder, {
  'lists.jsonl': samples
    .map(({ caption }, k) =>
      JSON.stringify({
        image: `own/pictures/${String(k).padStart(4, '0')}.png`,
        caption: k % 3 ? [caption, `again ${k % 2}`] : caption,
      }),
    )
    .join('\n'),
});
sources['lists of captions'] = { type: 'manifest', path: join(folder, 'lists.jsonl') } as SourceInput;

/** Rows: one caption a sample; 12 classes with 3 templates; 4 captions alone, 8 first ones of lists and 2 that lists share. */
const COUNTS: Record<string, number> = {
  'one caption each': 12,
  'class names and templates': 36,
  'lists of captions': 14,
};

test.each(Object.keys(sources))(
  '%s: the row that an epoch draws has the tokens of its caption',
  async (name) => {
    const dataset = await openDataset([sources[name]!]);
    const { rows, captions } = await rowsIn(dataset);
    expect(rows.size).toBe(COUNTS[name]);
    const drawn = new Set<string>();
    for (let epoch = 0; epoch < 6; epoch++) {
      const places = Array.from({ length: dataset.size }, (_, id) => ({ id, epoch }));
      const numbers = rows.rowsOf(places, SEED);
      drawn.add(String(numbers));
      const tokens = Array.from(numbers, (row) => [...rows.tokens(Number(row), 1, tokenizer)]).flat();
      expect(tokens).toEqual([...captions.tokens(places, SEED)]);
    }
    expect(drawn.size > 1).toBe(name !== 'one caption each');
    dataset.close();
  },
);
