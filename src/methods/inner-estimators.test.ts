import { expect, test } from 'vitest';
import { int64 } from '../../tests/contract/numbers.ts';
import { scope, tensor } from '../torch/index.ts';
import { InnerEstimators } from './inner-estimators.ts';

const EPS = 1e-3;
const logG = (image: number[], text: number[]) => ({
  image: tensor(image.map(Math.log)),
  text: tensor(text.map(Math.log)),
});

test('u per sample: first visit, average, what is not in the batch, nothing before store()', () => {
  scope(() => {
    const u = new InnerEstimators({ datasetSize: 5, eps: EPS, device: 'cpu' });
    const table = () => {
      const [[, image], [, text], [, visited]] = u.state;
      return {
        image: image.toNumbers().map((v) => Math.exp(v) - EPS),
        text: text.toNumbers().map((v) => Math.exp(v) - EPS),
        visited: visited.toNumbers(),
      };
    };
    const close = (values: number[]) => values.map((v) => expect.closeTo(v, 4));

    const first = u.updated(int64([3, 1]), logG([2, 4], [6, 8]), 0.25);
    expect(table().visited).toEqual([0, 0, 0, 0, 0]);
    u.store(int64([3, 1]), first);
    expect(table().visited).toEqual([0, 1, 0, 1, 0]);
    expect([table().image[1], table().image[3]]).toEqual(close([4, 2])); // g itself, though gamma is 0.25
    expect([table().text[1], table().text[3]]).toEqual(close([8, 6]));

    const before = table();
    u.store(int64([0, 3]), u.updated(int64([0, 3]), logG([5, 10], [7, 2]), 0.25));
    const after = table();
    expect([after.image[0], after.image[3]]).toEqual(close([5, 0.75 * 2 + 0.25 * 10]));
    expect([after.text[0], after.text[3]]).toEqual(close([7, 0.75 * 6 + 0.25 * 2]));
    for (const id of [1, 2, 4]) expect(after.image[id]).toBe(before.image[id]);
    expect(after.visited).toEqual([1, 1, 0, 1, 0]);
    u.dispose();
  });
});
