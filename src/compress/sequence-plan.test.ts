import { expect, test } from 'vitest';
import { StaticInputs, scope } from '../torch/index.ts';
import { sequencePlan } from './sequence-plan.ts';

const OPTIONS = {
  compression: { tokenDropout: 0.75, patchSize: 4 },
  dropPath: { rate: 0.5, layers: 3 },
  imageSize: 32,
  patchSize: 4,
  seed: 1,
  view: 0,
  count: 8,
  device: 'cpu',
};
const ROWS = { first: 8, total: 32 };

test('masks and paths of a recorded step are inputs: drawn anew for another step and other rows', () => {
  const sequenceAt = (step: number, rows = ROWS) => {
    const { keep, pathScales } = sequencePlan({ ...OPTIONS, step, rows });
    return [keep!, pathScales!];
  };
  const numbers = (body: () => ReturnType<typeof sequenceAt>) =>
    scope(() => body().map((t) => t.toNumbers()));
  const inputs = new StaticInputs();
  const first = numbers(() => inputs.collect(() => sequenceAt(4)));
  expect(first).toEqual(numbers(() => sequenceAt(4)));
  expect(numbers(() => inputs.reuse(() => sequenceAt(4)))).toEqual(first);

  const other = { first: 16, total: 32 };
  inputs.refresh({ step: 5, rows: other });
  const second = numbers(() => inputs.reuse(() => sequenceAt(4))); // a captured step calls with the options it was made with
  expect(second).toEqual(numbers(() => sequenceAt(5, other)));
  expect(second[0]).not.toEqual(first[0]);
  expect(second[1]).not.toEqual(first[1]);
  inputs.dispose();
});

test('paths and tokens are drawn apart: one does not change with the other', () => {
  scope(() => {
    const at = { ...OPTIONS, step: 1, rows: ROWS };
    const both = sequencePlan(at);
    const { dropPath: _, ...without } = at;
    expect(sequencePlan(without).keep!.toNumbers()).toEqual(both.keep!.toNumbers());
    expect(sequencePlan(without).pathScales).toBeUndefined();
    expect(sequencePlan({ ...at, dropTokens: false }).pathScales!.toNumbers()).toEqual(
      both.pathScales!.toNumbers(),
    );
  });
});
