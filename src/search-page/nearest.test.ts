import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { int8File, readInt8File, rowOf, toInt8Rows } from './int8.ts';
import { nearest } from './nearest.ts';

const numbers = (count: number) =>
  fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: count, maxLength: count });

/** N from 0 to 20, E from 1 to 9. */
const tables = fc
  .record({ count: fc.nat(20), dim: fc.integer({ min: 1, max: 9 }) })
  .chain(({ count, dim }) =>
    fc.record({ rows: numbers(count * dim), query: numbers(dim), limit: fc.integer({ min: 1, max: 25 }) }),
  );

describe('vectors of eight bits', () => {
  it('are within half a step of the row’s own scale', () => {
    fc.assert(
      fc.property(tables, ({ rows, query: { length: dim } }) => {
        const table = toInt8Rows(Float32Array.from(rows), dim);
        for (let row = 0; row < rows.length / dim; row++) {
          const half = table.scales[row]! * 0.5 + 1e-6;
          for (const [i, value] of rowOf(table, row).entries())
            expect(Math.abs(value - rows[row * dim + i]!)).toBeLessThanOrEqual(half);
        }
      }),
    );
  });

  it('keep a unit row’s direction', () => {
    const row = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * i) / 16);
    const copy = rowOf(toInt8Rows(row, 512), 0);
    const cosine =
      copy.reduce((sum, value, i) => sum + value * row[i]!, 0) / (Math.hypot(...row) * Math.hypot(...copy));
    expect(cosine).toBeGreaterThan(0.9999);
  });

  it('are read back as they were written', () => {
    fc.assert(
      fc.property(tables, ({ rows, query: { length: dim } }) => {
        const table = toInt8Rows(Float32Array.from(rows), dim);
        const bytes = new Uint8Array(int8File(table));
        expect(readInt8File(bytes, rows.length / dim, dim)).toEqual(table);
      }),
    );
  });
});

describe('nearest', () => {
  it('gives the rows of a plain sort', () => {
    fc.assert(
      fc.property(tables, ({ rows, query, limit }) => {
        const dim = query.length;
        const table = toInt8Rows(Float32Array.from(rows), dim);
        const vector = Float32Array.from(query);
        const { values, scales } = table;
        const plain = Array.from(scales, (scale, row) => ({
          row,
          score: vector.reduce((sum, q, i) => sum + q * values[row * dim + i]!, 0) * scale,
        })).sort((a, b) => b.score - a.score || a.row - b.row);
        const found = nearest(vector, table, limit);
        expect(found.rows.length).toBe(Math.min(limit, plain.length));
        for (const [i, score] of found.scores.entries()) expect(score).toBeCloseTo(plain[i]!.score, 4);
        expect(found.scores).toEqual(found.scores.toSorted((a, b) => b - a));
      }),
    );
  });

  it('puts equals in the order of their rows', () => {
    const table = toInt8Rows(Float32Array.from([1, 0, 0, 1, 1, 0, 1, 0]), 2);
    expect(nearest(Float32Array.of(1, 0), table, 2).rows).toEqual([0, 2]);
  });
});
