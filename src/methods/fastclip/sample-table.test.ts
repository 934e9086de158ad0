import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { int64, uniform } from '../../../tests/contract/numbers.ts';
import { CoupletError } from '../../errors.ts';
import { alone } from '../../ranks/index.ts';
import { scope, type Tensor, tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import { SampleTable } from './sample-table.ts';
import { tableSize } from './table-size.ts';

const rows = (table: SampleTable) => {
  const all = table.gather();
  return { values: all.rows.toNumbers(), visited: all.visited.toNumbers() };
};

// @proves SampleTable
test('rows by id: what was written is read, what was not keeps its fill', () => {
  scope(() => {
    const table = new SampleTable({ datasetSize: 5, fill: [0, 0.5], device: 'cpu', ranks: alone });
    expect(rows(table)).toEqual({
      values: [0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5],
      visited: [0, 0, 0, 0, 0],
    });
    table.write(int64([3, 1]), tensor([1, 2, 3, 4], [2, 2]));
    expect(rows(table)).toEqual({ values: [0, 2, 0, 1, 0, 0.5, 4, 0.5, 3, 0.5], visited: [0, 1, 0, 1, 0] });
    const { values, visited } = table.read(int64([1, 4]));
    expect(values.toNumbers()).toEqual([2, 0, 4, 0.5]);
    expect(visited.toNumbers()).toEqual([1, 0]);
    table.dispose();
  });
});

test.each([5, -1])('sample %i of five is refused', (id) => {
  scope(() => {
    const table = new SampleTable({ datasetSize: 5, fill: [0], device: 'cpu', ranks: alone });
    expect(() => table.read(int64([0, 4, id]))).toThrow(
      new CoupletError(
        `rank 0 has a sample with id ${id}, but the data has 5 samples, from 0 to 4. Start every rank on the same data.`,
      ),
    );
    table.dispose();
  });
});

const SEEN = [1, 0, 1, 1, 0, 1, 1];
const WHOLE = [10, 11, 12, 13, 14, 15, 16];

// @proves SampleTable
describe('a whole table is shared out over any number of ranks and comes back', () => {
  test.each([1, 2, 3, 8])('%i ranks: each reads its part of a batch', (worldSize) => {
    scope(() => {
      const contributions: Tensor[] = [];
      let sum: Tensor | undefined;
      const shares = Array.from({ length: worldSize }, (_, rank) => {
        const reduceScatter = (mine: Tensor) => {
          if (sum) return sum.narrow(0, (rank * sum.shape[0]) / worldSize, sum.shape[0] / worldSize);
          contributions.push(mine);
          return mine;
        };
        const ranks = { ...alone, rank, worldSize, reduceScatter };
        const table = new SampleTable({ datasetSize: 7, fill: [0.25], device: 'cpu', ranks });
        table.scatter({
          rows: tensor(WHOLE, [1, 7]),
          visited: tensor(Uint8Array.from(SEEN), [7]).to('bool'),
        });
        return table;
      });
      const ids = Array.from({ length: 24 }, (_, i) => (5 * i) % 7);
      const read = () => shares.map((table) => table.read(int64(ids)));
      if (worldSize > 1) {
        read();
        sum = contributions.reduce((a, b) => a.add(b));
      }
      const parts = read();
      const numbers = (part: 'values' | 'visited') => parts.flatMap((share) => share[part].toNumbers());
      expect(numbers('values')).toEqual(ids.map((id) => (SEEN[id] ? WHOLE[id] : 0.25)));
      expect(numbers('visited')).toEqual(ids.map((id) => SEEN[id]));
      for (const table of shares) table.dispose();
    });
  });

  test('it comes back in pieces: those of two ranks beside each other', () => {
    scope(() => {
      const places = 2 ** 20 + 3;
      // The other rank's values are greater by 1000.
      const allGather = (mine: Tensor) =>
        ops.cat([mine, mine.dtype === 'float32' ? mine.add(1000) : mine], 0);
      const ranks = { ...alone, worldSize: 2, allGather };
      const table = new SampleTable({ datasetSize: 2 * places - 1, fill: [0.5], device: 'cpu', ranks });
      const written = [0, 7, 2 ** 20 - 1, 2 ** 20, places - 1];
      table.write(int64(written.map((place) => 2 * place)), tensor([1, 2, 3, 4, 5], [1, 5]));
      const { rows, visited } = table.gather();
      expect([rows.shape, visited.shape]).toEqual([[1, 2 * places - 1], [2 * places - 1]]);
      expect(visited.sum().item()).toBe(9); // the other rank has one place less
      const valuesOf = (ids: number[]) => rows.indexSelect(1, int64(ids)).toNumbers();
      expect(valuesOf(written.map((place) => 2 * place))).toEqual([1, 2, 3, 4, 5]);
      expect(valuesOf(written.slice(0, 4).map((place) => 2 * place + 1))).toEqual([1001, 1002, 1003, 1004]);
      expect(valuesOf([2, 3, 2 ** 21 + 2])).toEqual([0.5, 1000.5, 0.5]);
      table.dispose();
    });
  });
});

describe('400 million samples', () => {
  const LAION = 400_000_000;
  const GB = 1e9;

  test.each([
    // columns, ranks, gigabytes of each: (4 columns + 1) n / K
    [2, 1, 3.6],
    [2, 8, 0.45],
    [2, 64, 0.05625],
    [8, 8, 1.65],
    [8, 64, 0.20625],
  ])('%i numbers of each on %i ranks take %f GB of each rank', (columns, worldSize, gigabytes) => {
    const { bytes, places } = tableSize({ datasetSize: LAION, columns, worldSize });
    expect(places * worldSize).toBe(LAION);
    expect(bytes / GB).toBeCloseTo(gigabytes, 6);
  });

  test('what is allocated is what the arithmetic says', () => {
    scope(() => {
      const ranks = { ...alone, rank: 2, worldSize: 3 };
      const table = new SampleTable({ datasetSize: 1000, fill: [0, 0, 0], device: 'cpu', ranks });
      const { bytes } = tableSize({ datasetSize: 1000, columns: 3, worldSize: 3 });
      const { rows, visited } = table.live;
      expect(rows.toArray().byteLength + visited.toArray().byteLength).toBe(bytes);
      table.dispose();
    });
  });

  test('one that does not fit is refused with a sentence', () => {
    const wanted = { datasetSize: 1e13, fill: [0, 0], device: 'cpu', ranks: { ...alone, worldSize: 4 } };
    expect(() => new SampleTable(wanted)).toThrow(
      /^The table of 10,000,000,000,000 samples with 2 numbers each takes 22500\.0 GB on cpu of each of 4 ranks, which is more than there is\. Use more ranks/,
    );
  });

  test.runIf(process.platform === 'linux')('steps of sparse ids: only what was visited takes memory', () => {
    scope(() => {
      const before = resident();
      const table = new SampleTable({ datasetSize: LAION, fill: [0, 0.5], device: 'cpu', ranks: alone });
      const next = uniform(9);
      const batches = Array.from({ length: 20 }, () =>
        Array.from({ length: 16 }, () => Math.floor((0.5 + 0.5 * next()) * LAION)),
      );
      batches.push([0, LAION - 1]);
      batches.forEach((ids, step) => {
        scope(() => {
          const { values, visited } = table.read(int64(ids));
          expect(values.toNumbers()).toEqual([...ids.map(() => 0), ...ids.map(() => 0.5)]);
          expect(visited.sum().item()).toBe(0);
          table.write(
            int64(ids),
            tensor([...ids.map((_, i) => step + i / 16), ...ids.map(() => step)], [2, ids.length]),
          );
        });
      });
      batches.forEach((ids, step) => {
        const { values, visited } = table.read(int64(ids));
        expect(values.toNumbers()).toEqual([...ids.map((_, i) => step + i / 16), ...ids.map(() => step)]);
        expect(visited.sum().item()).toBe(ids.length);
      });
      // Flags take a byte a sample; rows would take 3.2 GB.
      expect(resident() - before).toBeLessThan(0.5 * GB);
      table.dispose();
    });
  });
});

/** Bytes of this process that are in memory. */
const resident = () => 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
