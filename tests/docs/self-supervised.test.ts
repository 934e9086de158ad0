// docs/self-supervised.md: its configs, its numbers, and that the metrics it names are in a log.
import { describe, expect, test } from 'vitest';
import { sequenceLength } from '../../src/compress/index.ts';
import { loadConfig, parseConfig, type RunConfigInput } from '../../src/config/index.ts';
import { dinoLoss } from '../../src/losses/dino.ts';
import { queryKeyLoss } from '../../src/losses/info-nce.ts';
import { ntXentLoss } from '../../src/losses/nt-xent.ts';
import { type Plan, planOf } from '../../src/run/plan.ts';
import { resolveConfig } from '../../src/run/resolve.ts';
import { full, scope, zeros } from '../../src/torch/index.ts';
import { rowsOf, runsFolder, tinyConfig, trainTiny } from '../run/harness.ts';
import { asFolder, shapes } from '../run/shapes.ts';
import { configOf } from './config-block.ts';
import { blocks, page, ROOT, rows } from './markdown.ts';

const text = page('self-supervised.md');
const prose = text.replace(/\s+/g, ' ');
const configs = blocks(text, 'ts').map(configOf);
const folder = { type: 'folder', path: 'photos', labelled: false } as const;

/** A run of one of the methods at 224 pixels and patches of 16. */
const configWith = (method: RunConfigInput['method'], more: Partial<RunConfigInput> = {}) =>
  parseConfig({
    model: 'ViT-S-16',
    method,
    data: { train: folder },
    batch: { globalBatchSize: 256 },
    duration: { epochs: 100 },
    ...more,
  });

const planWith = (...given: Parameters<typeof configWith>): Plan => {
  const config = configWith(...given);
  return planOf(resolveConfig(config), 25_600);
};

/** The clock when a share of the budget is spent. */
function clockAtShare(plan: Plan, share: number) {
  const { unit, total } = plan.budget;
  plan.budget.restore({ steps: 0, forwards: 0, seconds: 0, [unit]: share * total });
  return plan.contextAt(1);
}

const costOf = (method: RunConfigInput['method'], tokenDropout = 0) =>
  planWith(method).costOf({ compression: { tokenDropout, patchSize: 16 } }).forwards / 256;

test('the configs are accepted, and nothing in them is dropped', () => {
  expect(configs).toHaveLength(2);
  for (const config of configs) {
    const { compression, ...parsed } = parseConfig(config);
    const { compression: given, ...rest } = config;
    expect(parsed).toMatchObject(rest);
    expect(compression?.stages?.length).toBe(given?.stages?.length);
    planOf(resolveConfig({ ...parsed, ...(compression && { compression }) }), 10_000);
  }
});

// @proves scaledLr
test('costs, learning rates and crops of the methods are those of the table', () => {
  const methods = rows(text).filter((cells) => cells.length === 5);
  const table = new Map(methods.map(([name, , ...cells]) => [name.replaceAll('`', ''), cells]));
  for (const name of ['moco-v3', 'simclr', 'dino'] as const) {
    const [cost, peakLr, crop] = table.get(name)!;
    const { optimizer, data } = configWith({ name });
    expect(costOf({ name }), name).toBeCloseTo(Number.parseFloat(cost), 1);
    expect(optimizer.peakLr).toBeCloseTo(Number(peakLr), 12);
    expect(crop.startsWith(`${data.crop.scale[0]} to ${data.crop.scale[1]}`)).toBe(true);
  }
  expect(costOf({ name: 'moco-v3', symmetric: false })).toBe(4);
});

test('what dropout saves, and which patches divide an image', () => {
  const oneWay = { name: 'moco-v3', symmetric: false } as const;
  const table = new Map(rows(text).map(([dropout, ...cells]) => [dropout, cells]));
  for (const dropout of [0, 0.5, 0.75])
    expect(table.get(String(dropout))).toEqual([costOf(oneWay, dropout).toFixed(1)]);
  for (const [side, patches] of [
    [224, [28, 32, 56]],
    [240, [20, 24, 30, 40, 48]],
  ] as const)
    for (const patchSize of patches) expect(Number.isInteger(sequenceLength(side, { patchSize }))).toBe(true);
  expect([sequenceLength(64, { patchSize: 8 }), sequenceLength(224, { patchSize: 16 })]).toEqual([65, 197]);
});

test('how many candidates an online run has, and what a probe of them costs', () => {
  const { online } = planWith({ name: 'moco-v3', symmetric: false }, { compression: { online: {} } });
  const steps = online!.probeForwards / (256 * online!.candidates[0].cost);
  expect(prose).toContain(
    `For \`ViT-S-16\` these are ${online!.candidates.length}, and a probe with \`moco-v3\` and \`symmetric: false\` costs as much as ${steps.toFixed(1)} steps`,
  );
});

test('the configs of the repository are what the page says of them', async () => {
  const load = (name: string) => loadConfig(`${ROOT}/configs/${name}.ts`);
  for (const name of ['moco-v3-cifar10', 'simclr-cifar10', 'dino-cifar10'])
    expect((await load(name)).method, name).toMatchObject({ augmentation: { blur: false } });
  const { optimizer, batch, data } = await load('moco-v3-cifar10');
  expect([optimizer.peakLr, batch.globalBatchSize, data.crop.scale]).toEqual([1e-3, 512, [0.2, 1]]);
  const { method, compression } = await load('moco-v3-folder');
  expect(method).toMatchObject({ name: 'moco-v3', symmetric: false });
  expect(compression!.stages!.at(-1)!.tokenDropout).toBe(0);
});

describe('schedules', () => {
  // @proves polynomial
  test('the polynomial is at 0.75 half way, by the budget', () => {
    const polynomial = {
      schedule: { warmup: { steps: 0 }, shape: 'polynomial' },
      optimizer: { peakLr: 1 },
    } as const;
    for (const duration of [{ epochs: 100 }, { seconds: 60 }, { forwards: 1e6 }]) {
      const plan = planWith({ name: 'moco-v3' }, { ...polynomial, duration });
      expect(clockAtShare(plan, 0).lr).toBeCloseTo(1, 12);
      expect(clockAtShare(plan, 0.5).lr).toBeCloseTo(0.75, 12);
      expect(clockAtShare(plan, 0.9).lr).toBeCloseTo(0.19, 12);
      expect(clockAtShare(plan, 1).lr).toBeCloseTo(0, 12);
    }
  });

  // @proves planOf
  test('weight decay of DINO goes from 0.04 to 0.4 along half a cosine', () => {
    const plan = planWith({ name: 'dino' });
    const at = (share: number) => clockAtShare(plan, share).weightDecay!;
    expect(at(0)).toBeCloseTo(0.04, 12);
    expect(at(0.25)).toBeCloseTo(0.4 - (0.36 * (1 + Math.SQRT1_2)) / 2, 12);
    expect(at(1)).toBeCloseTo(0.4, 12);
  });
});

test('the loss of a net that tells nothing apart is what the page says, for a batch of 256', () => {
  scope(() => {
    const same = full([256, 4], 0.5); // of length one
    expect(queryKeyLoss(same, same, { temperature: 0.2 }).item().toFixed(1)).toBe('2.2');
    expect(ntXentLoss(same, same, { temperature: 0.1 }).item().toFixed(1)).toBe('12.5');
    const even = (views: number) => zeros([views, 1, 65_536]);
    const temperatures = { studentTemperature: 0.1, teacherTemperature: 0.04 };
    const loss = dinoLoss(even(10), even(2), { center: zeros([65_536]), ...temperatures });
    expect(loss.item().toFixed(1)).toBe('11.1');
  });
  for (const value of ['2.2', '12.5', '11.1']) expect(text).toContain(value);
});

test('a run on a folder without labels logs the metrics that the page names', async () => {
  const runs = runsFolder();
  const samples = await shapes(24);
  const train = asFolder(`${runs}/train`, samples);
  const held = asFolder(`${runs}/test`, await shapes(24, { seed: 1 }));
  const plain = ({ path }: typeof train) => ({ type: 'folder', path }) as typeof train;
  const named = [...text.matchAll(/`((?:train|eval)\/\w+)`/g)].map(([, name]) => name);
  const seen = new Set<string>();
  for (const name of ['moco-v3', 'dino'] as const) {
    const small = {
      'moco-v3': { name, symmetric: false, heads: { hidden: 16, embedDim: 8 } },
      dino: { name, localCrops: { count: 1, size: 16 }, head: { hidden: 16, embedDim: 8, outputs: 32 } },
    }[name] as RunConfigInput['method'];
    const config = tinyConfig({
      train: { ...plain(train), labelled: false } as typeof train,
      name,
      method: small,
      batch: { globalBatchSize: 8 },
      duration: { steps: 2 },
      schedule: { warmup: { share: 0.1 } },
      evaluate: { neighbours: { train: plain(train), data: plain(held) }, bestBy: 'knn_top1' },
    });
    const { runDir } = await trainTiny(config, { runsDir: runs });
    for (const row of rowsOf(runDir)) for (const key of Object.keys(row)) seen.add(key);
  }
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !seen.has(name))).toEqual([]);
});
