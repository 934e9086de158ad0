import { describe, expect, it } from 'vitest';
import { unitRows } from '../nn/unit-rows.ts';
import { cudaCount, Generator, memoryStats, randn, scope, type Tensor, tensor } from '../torch/index.ts';
import { recall } from './recall.ts';
import { retrieval } from './retrieval.ts';

const grid = (rows: Tensor) => {
  const [count, width] = rows.shape;
  const numbers = rows.toNumbers();
  return Array.from({ length: count }, (_, i) => numbers.slice(i * width, (i + 1) * width));
};

type Rows = { rows: number[][]; groups: readonly number[] };

/** The protocol, in loops: the share of queries with a partner among the k candidates of the highest score. */
function recallByLoop(queries: Rows, candidates: Rows, k: number): number {
  const hits = queries.rows.filter((query, i) => {
    const scored = candidates.rows.map((row, j) => ({
      score: row.reduce((sum, x, d) => sum + x * query[d], 0),
      isPartner: candidates.groups[j] === queries.groups[i],
    }));
    const best = scored.sort((a, b) => b.score - a.score).slice(0, k);
    return best.some(({ isPartner }) => isPartner);
  });
  return hits.length / queries.rows.length;
}

/** Captions of picture i follow each other, `counts[i]` of them. */
const pictureOf = (counts: readonly number[]) => counts.flatMap((count, i) => Array<number>(count).fill(i));

describe.each(cudaCount() > 0 ? ['cpu', 'cuda'] : ['cpu'])('on %s', (device) => {
  it.each([
    ['one caption', Array<number>(40).fill(1)],
    ['two captions', Array<number>(40).fill(2)],
    ['five captions', Array<number>(40).fill(5)],
    ['one to seven captions', Array.from({ length: 40 }, (_, i) => 1 + ((i * 5) % 7))],
  ])('%s a picture: it is the loop', (_, counts) => {
    scope(() => {
      const of = pictureOf(counts);
      const draw = new Generator('cpu', 7);
      const pictures = unitRows(randn([40, 6], draw));
      const noise = randn([of.length, 6], draw).mul(0.4);
      const repeated = pictures.indexSelect(0, tensor(BigInt64Array.from(of, BigInt)));
      const captions = unitRows(repeated.add(noise));
      const report = retrieval(pictures.toDevice(device), captions.toDevice(device), of);
      const [a, b] = [
        { rows: grid(pictures), groups: counts.map((_, i) => i) },
        { rows: grid(captions), groups: of },
      ];
      expect(report).toMatchObject({ pairs: of.length, pictures: 40 });
      for (const [key, k] of [
        ['r1', 1],
        ['r5', 5],
        ['r10', 10],
      ] as const) {
        expect(report.imageToText[key]).toBeCloseTo(recallByLoop(a, b, k), 9);
        expect(report.textToImage[key]).toBeCloseTo(recallByLoop(b, a, k), 9);
      }
      expect(report.imageToText.r1).toBeGreaterThan(0.1);
      expect(report.textToImage.r1).toBeLessThan(1);
    });
  });
});

it.each([[[1, 1, 1]], [[5, 5, 5, 5]], [[1, 5, 2, 3]]])(
  'a perfect encoder finds all, with %j captions',
  (counts) => {
    scope(() => {
      const pictures = randn([counts.length, 8], new Generator('cpu', 1));
      const of = pictureOf(counts);
      const captions = pictures.indexSelect(0, tensor(BigInt64Array.from(of, BigInt)));
      const all = { r1: 1, r5: 1, r10: 1 };
      expect(retrieval(unitRows(pictures), unitRows(captions), of)).toEqual({
        pairs: of.length,
        pictures: counts.length,
        imageToText: all,
        textToImage: all,
        meanRecall: 1,
      });
    });
  },
);

it('rows that are not finite are misses, and the others keep their rank', () => {
  const before = memoryStats().liveTensors;
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    scope(() => {
      const eye = Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0));
      const good = tensor(eye, [4, 4]);
      const bad = tensor([value, ...eye.slice(1)], [4, 4]);
      for (const [pictures, captions] of [
        [bad, good],
        [good, bad],
      ]) {
        const { imageToText, textToImage } = retrieval(pictures, captions);
        expect([imageToText.r1, textToImage.r1, imageToText.r10]).toEqual([0.75, 0.75, 0.75]);
      }
      const all = tensor(Array<number>(16).fill(value), [4, 4]);
      expect(retrieval(all, all).meanRecall).toBe(0);
      expect(retrieval(good, all).meanRecall).toBe(0);
    });
  expect(memoryStats().liveTensors).toBe(before);
});

it('a picture with one bad caption of two is found by the other', () => {
  scope(() => {
    const pictures = tensor([1, 0, 0, 1], [2, 2]);
    const captions = tensor([Number.NaN, 0, 1, 0, 0, 1], [3, 2]);
    const report = retrieval(pictures, captions, [0, 0, 1]);
    expect([report.imageToText.r1, report.textToImage.r1]).toEqual([1, expect.closeTo(2 / 3, 9)]);
  });
});

/** Mean over all orders of the candidates with the same score. */
function chanceByLoop(partners: number, others: number, places: number): number {
  const orders = (left: boolean[]): boolean[][] =>
    left.length === 0
      ? [[]]
      : left.flatMap((item, i) => orders(left.toSpliced(i, 1)).map((rest) => [item, ...rest]));
  const all = orders([...Array<boolean>(partners).fill(true), ...Array<boolean>(others).fill(false)]);
  return all.filter((order) => order.slice(0, places).includes(true)).length / all.length;
}

it('constant features have the recall of chance: ties are broken by it', () => {
  scope(() => {
    const same = (count: number) => tensor(Array<number>(count * 2).fill(0.5), [count, 2]);
    const of = [0, 0, 1, 1, 2, 2];
    const { imageToText, textToImage } = retrieval(same(3), same(6), of);
    expect(imageToText.r1).toBeCloseTo(chanceByLoop(2, 4, 1), 9);
    expect(imageToText.r5).toBeCloseTo(chanceByLoop(2, 4, 5), 9);
    expect(textToImage.r1).toBeCloseTo(1 / 3, 9);
    const many = retrieval(same(40), same(40));
    expect([many.imageToText.r1, many.imageToText.r10]).toEqual([
      expect.closeTo(1 / 40, 9),
      expect.closeTo(1 / 4, 9),
    ]);
    const two = retrieval(same(2), same(2));
    expect(two.imageToText.r1).toBeCloseTo(0.5, 9);
  });
});

it('two pictures with the same caption share its place', () => {
  scope(() => {
    const pictures = tensor([1, 0, 0.8, 0.6, 0, 1], [3, 2]);
    const captions = tensor([1, 0, 1, 0, 0, 1], [3, 2]); // the second is that of the first
    const { imageToText, textToImage } = retrieval(pictures, captions);
    expect(imageToText.r1).toBeCloseTo((0.5 + 0.5 + 1) / 3, 6);
    expect(textToImage.r1).toBeCloseTo((1 + 0 + 1) / 3, 6);
  });
});

it('many queries are cut into parts', () => {
  scope(() => {
    const rows = {
      features: unitRows(randn([4200, 8], new Generator('cpu', 2))),
      groups: Array.from({ length: 4200 }, (_, i) => i),
    };
    expect(recall(rows, rows)).toEqual({ r1: 1, r5: 1, r10: 1 });
  });
});
