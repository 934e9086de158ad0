import { cpSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { put } from '../../tests/data/make.ts';
import { tinyRun } from '../../tests/embed/tiny.ts';
import { runsFolder } from '../../tests/run/harness.ts';
import { asManifest, shapes } from '../../tests/run/shapes.ts';
import { embedSource } from '../embed/index.ts';
import { encodeTexts } from '../evaluate/features.ts';
import { npyHeader } from '../io/npy.ts';
import { loadRun } from '../run/load-run.ts';
import { openSearch } from './index.ts';

const folder = runsFolder();
const at = (...names: string[]) => join(folder, ...names);
const picture = (id: number) => at('pictures/pictures', `${String(id).padStart(4, '0')}.png`);

let run: string;
beforeAll(async () => {
  run = await tinyRun(folder);
  const source = asManifest(at('pictures'), await shapes(200, { seed: 1 }));
  await embedSource(run, source, { out: at('embedded'), dtype: 'float32', texts: true });
});

/** A copy that a test may damage. */
function copyOf(name: string): string {
  cpSync(at('embedded'), at(name), { recursive: true });
  return at(name);
}

describe('openSearch', () => {
  it('finds what a loop over products finds, by words', async () => {
    const search = await openSearch(at('embedded'));
    const loaded = await loadRun(run);
    const query = encodeTexts(['a small red circle on the left.'], loaded);
    const words = query.toNumbers();
    query.dispose();
    loaded.close();
    const bytes = readFileSync(at('embedded/embeddings.npy')).subarray(128);
    const rows = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    const naive = Array.from({ length: 200 }, (_, row) => {
      let score = 0;
      for (let i = 0; i < 32; i++) score += words[i]! * rows[row * 32 + i]!;
      return { row, score };
    }).sort((a, b) => b.score - a.score || a.row - b.row);
    expect(await search.words('a small red circle on the left.', 12)).toEqual(naive.slice(0, 12));
    expect(await search.nearest(words, 1000)).toEqual(naive);
    await search.close();
  });

  it('finds a picture by itself', async () => {
    const search = await openSearch(at('embedded'));
    for (const id of [0, 77, 199]) {
      const [first] = await search.image(picture(id), 1);
      // The same pixels go through the same layers, in another batch: float32 products differ in their last bits.
      expect(first!.score).toBeCloseTo(1, 5);
      expect(search.row(first!.row).caption).toBe(search.row(id).caption);
      expect(Buffer.from(await search.readPicture(id))).toEqual(readFileSync(picture(id)));
    }
    expect(search.row(3)).toEqual({ id: 3, path: picture(3), caption: expect.any(String) });
    await search.close();
  });

  it('takes the run from where it is now', async () => {
    renameSync(run, `${run}-moved`);
    const search = await openSearch(at('embedded'));
    await expect(search.words('a circle')).rejects.toThrow(
      `${at('embedded')} was embedded by a model that is gone: ${run} is no run. Give --run PATH if it moved, or embed again.`,
    );
    expect(await search.nearest(new Float32Array(32), 1)).toEqual([{ row: 0, score: 0 }]);
    await search.close();
    const moved = await openSearch(at('embedded'), { run: `${run}-moved` });
    expect(await moved.words('a circle', 3)).toHaveLength(3);
    await moved.close();
    renameSync(`${run}-moved`, run);
  });
});

describe('one sentence for', () => {
  const opening = async (path: string) => {
    const search = await openSearch(path);
    await search.close();
  };

  it('a folder that is no embedding, and Parquet', async () => {
    await expect(opening(at('pictures'))).rejects.toThrow(
      /^Cannot read \S+embed\.json: there is no such file/,
    );
    await embedSource(
      run,
      { type: 'manifest', path: at('pictures/pairs.csv') },
      { out: at('parquet'), format: 'parquet' },
    );
    await expect(opening(at('parquet'))).rejects.toThrow(
      / holds Parquet, which other programs search: .* --format npy\.$/,
    );
  });

  it('embeddings.npy that is cut, hostile, or of another shape', async () => {
    const cut = copyOf('cut');
    truncateSync(join(cut, 'embeddings.npy'), 1000);
    await expect(opening(cut)).rejects.toThrow(
      /is cut or no \.npy file: its shape \(200, 32\) takes 25728 bytes, and the file has 1000\./,
    );
    writeFileSync(
      join(cut, 'embeddings.npy'),
      Buffer.concat([npyHeader('float32', [100, 64]), Buffer.alloc(25600)]),
    );
    await expect(opening(cut)).rejects.toThrow(
      /has the shape \(100, 64\), and embed\.json says \(200, 32\)\./,
    );
    const nan = copyOf('nan');
    const bytes = readFileSync(join(nan, 'embeddings.npy'));
    bytes.writeFloatLE(Number.NaN, 128 + 4 * (32 * 5 + 1));
    writeFileSync(join(nan, 'embeddings.npy'), bytes);
    const search = await openSearch(nan);
    await expect(search.nearest(new Float32Array(32))).rejects.toThrow(/row 5 has NaN or an infinity/);
    await search.close();
  });

  it('rows.jsonl with other lines', async () => {
    const rows = copyOf('rows');
    const text = readFileSync(join(rows, 'rows.jsonl'), 'utf8');
    writeFileSync(join(rows, 'rows.jsonl'), text.slice(0, text.indexOf('\n') + 1));
    await expect(opening(rows)).rejects.toThrow(
      /rows\.jsonl has 1 lines, and the embeddings have 200 rows\./,
    );
    writeFileSync(
      join(rows, 'rows.jsonl'),
      text.replace('{"id":0', '{"id":"0"').replace('{"id":1,', '{"id":1,,'),
    );
    const search = await openSearch(rows);
    expect(() => search.row(0)).toThrow(/rows\.jsonl:1: id: expected a number, got '0'/);
    expect(() => search.row(1)).toThrow(/rows\.jsonl:2 is not JSON: /);
    await search.close();
  });

  it('a vector, a k or a picture that does not fit', async () => {
    const search = await openSearch(at('embedded'));
    await expect(search.nearest(new Float32Array(31))).rejects.toThrow(
      'The vector has 31 numbers: expected 32, neither NaN nor infinite.',
    );
    await expect(search.nearest(new Float32Array(32).fill(Number.NaN))).rejects.toThrow(
      /neither NaN nor infinite/,
    );
    await expect(search.nearest(new Float32Array(32), 0)).rejects.toThrow(
      'k is 0: expected a whole number, 1 or more.',
    );
    await expect(search.image(at('none.png'))).rejects.toThrow(
      /^Cannot read \S+none\.png: there is no such file/,
    );
    put(folder, { 'text.png': 'no picture' });
    await expect(search.image(at('text.png'))).rejects.toThrow(
      `${at('text.png')} is no picture that can be searched with: not a JPEG, PNG or WebP picture.`,
    );
    rmSync(picture(9));
    await expect(search.readPicture(9)).rejects.toThrow(/^Cannot read \S+0009\.png: there is no such file/);
    await search.close();
  });

  it('a run with other weights, one without its checkpoint, and one without a text tower', async () => {
    const other = await tinyRun(at('other'), { seed: 5 });
    const search = await openSearch(at('embedded'), { run: other });
    await expect(search.words('a circle')).rejects.toThrow(
      / was embedded by other weights than those of \S+step-00000004\./,
    );
    await search.close();
    rmSync(join(other, 'checkpoints'), { recursive: true });
    const lost = await openSearch(at('embedded'), { run: other });
    await expect(lost.words('a circle')).rejects.toThrow(
      / has no checkpoint step-00000004 any more\. Give --run PATH/,
    );
    await lost.close();
    const image = { imageSize: 24, patchSize: 8, width: 32, layers: 1, heads: 2 };
    const method = { name: 'moco-v3', heads: { hidden: 16, embedDim: 8 } } as const;
    const moco = await tinyRun(at('moco'), { model: { image }, method });
    await embedSource(moco, { type: 'folder', path: at('pictures/pictures') }, { out: at('of-moco') });
    const pictures = await openSearch(at('of-moco'));
    await expect(pictures.words('a circle')).rejects.toThrow(
      `${at('of-moco')} was embedded by a model without a text tower: search it with --image FILE.`,
    );
    expect((await pictures.image(picture(7), 1))[0]!.score).toBeCloseTo(1, 2);
    await pictures.close();
  });
});
