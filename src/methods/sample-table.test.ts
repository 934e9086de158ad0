import { expect, test } from 'vitest';
import { int64 } from '../../tests/contract/numbers.ts';
import { alone } from '../dist/index.ts';
import { scope, tensor } from '../torch/index.ts';
import { SampleTable } from './sample-table.ts';

const rows = (table: SampleTable) => {
  const all = table.gather();
  return { values: all.rows.toNumbers(), visited: all.visited.toNumbers() };
};

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

test('a whole table is shared out over any number of ranks and comes back', () => {
  scope(() => {
    const whole = {
      rows: tensor([10, 11, 12, 13, 14, 15, 16], [1, 7]),
      visited: tensor(Uint8Array.of(1, 0, 1, 1, 0, 1, 1), [7]).to('bool'),
    };
    for (const worldSize of [1, 2, 3, 8]) {
      const shares = Array.from({ length: worldSize }, (_, rank) => {
        const table = new SampleTable({
          datasetSize: 7,
          fill: [0],
          device: 'cpu',
          ranks: { ...alone, rank, worldSize, allReduceSum: (given) => given },
        });
        table.scatter(whole);
        return table;
      });
      // One owner gives each row, the others give zero: their sum is the row.
      const ids = int64([6, 0, 3, 1]);
      const given = shares.map((table) => table.read(ids));
      const sum = given.map(({ values }) => values).reduce((a, b) => a.add(b));
      expect(sum.toNumbers()).toEqual([16, 10, 13, 11]);
      const seen = given.map(({ visited }) => visited.to('int32')).reduce((a, b) => a.add(b));
      expect(seen.toNumbers()).toEqual([1, 1, 1, 0]);
      for (const table of shares) table.dispose();
    }
  });
});
