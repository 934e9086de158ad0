import { afterEach, describe, expect, test } from 'vitest';
import {
  autocast,
  backward,
  clearGrads,
  Generator,
  gradients,
  gradsOf,
  memoryStats,
  noGrad,
  rand,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../src/torch/index.ts';
import { native } from '../../src/torch/native.ts';

/** Whether ops record now. */
const records = () => scope(() => tensor([1]).requireGrad().mul(2).requiresGrad);
const matmulType = () => scope(() => zeros([2, 2]).matmul(zeros([2, 2])).dtype);
const BF16 = { device: 'cpu', dtype: 'bfloat16' } as const;

afterEach(() => {
  expect(records()).toBe(true);
  expect(matmulType()).toBe('float32');
});

describe('noGrad', () => {
  test('records nothing inside, nests, and gives its result', () => {
    expect(noGrad(() => [records(), noGrad(records), records()])).toEqual([false, false, false]);
    expect(records()).toBe(true);
  });

  test('is over after a throw, its own or libtorch’s, and after a promise', () => {
    expect(() =>
      noGrad(() => {
        throw new Error('x');
      }),
    ).toThrow('x');
    expect(records()).toBe(true);
    expect(() => scope(() => noGrad(() => zeros([2]).add(zeros([3]))))).toThrow();
    expect(records()).toBe(true);
    expect(() => noGrad(async () => 0)).toThrow(/synchronous/);
  });
});

describe('autocast', () => {
  test('casts matrix products, keeps sums, and gives float32 gradients to float32 weights', () => {
    scope(() => {
      const weight = tensor([1, 2, 3, 4], [2, 2]).requireGrad();
      const input = tensor([1, 0.5, -1, 2], [2, 2]);
      const product = autocast(BF16, () => input.matmul(weight));
      expect(product.dtype).toBe('bfloat16');
      expect(product.to('float32').toNumbers()).toEqual([2.5, 4, 5, 6]);
      backward(product.to('float32').sum());
      const [grad] = gradsOf([weight]);
      expect(grad!.dtype).toBe('float32');
      expect(grad!.toNumbers()).toEqual([0, 0, 2.5, 2.5]);
    });
  });

  test('is over after a throw, nested too; float32 and float64 change nothing', () => {
    expect(() =>
      autocast(BF16, () =>
        autocast(BF16, () => {
          expect(matmulType()).toBe('bfloat16');
          throw new Error('x');
        }),
      ),
    ).toThrow('x');
    expect(matmulType()).toBe('float32');
    expect(
      autocast(BF16, () => {
        autocast(BF16, () => 0);
        return matmulType();
      }),
    ).toBe('bfloat16');
    expect(autocast({ device: 'cpu', dtype: 'float32' }, matmulType)).toBe('float32');
    expect(() => autocast(BF16, async () => 0)).toThrow(/synchronous/);
  });

  test('does not keep the casts of a weight that has changed since', () => {
    scope(() => {
      const weight = tensor([1], [1, 1]).requireGrad();
      const input = tensor([1], [1, 1]);
      const product = () =>
        autocast(BF16, () => input.matmul(weight))
          .to('float32')
          .item();
      expect(product()).toBe(1);
      weight.set_(Float32Array.of(3));
      expect(product()).toBe(3);
    });
  });

  test('keeps no memory behind', () => {
    const weight = zeros([64, 64]).persist().requireGrad();
    const run = () =>
      scope(() =>
        backward(
          autocast(BF16, () => weight.matmul(weight))
            .to('float32')
            .sum(),
        ),
      );
    run();
    const { liveTensors } = memoryStats();
    for (let i = 0; i < 5; i++) run();
    expect(memoryStats().liveTensors).toBe(liveTensors);
    weight.dispose();
  });
});

describe('gradients', () => {
  test('backward adds up until the gradients are cleared', () => {
    scope(() => {
      const x = tensor([3]).requireGrad();
      const run = () => backward(x.mul(x).sum());
      expect(gradsOf([x])).toEqual([null]);
      run();
      run();
      expect(gradsOf([x])[0]!.item()).toBe(12);
      clearGrads([x]);
      expect(gradsOf([x])).toEqual([null]);
      run();
      expect(gradsOf([x])[0]!.item()).toBe(6);
    });
  });

  test('backward from a seed; a loss that is no scalar is refused with its name', () => {
    scope(() => {
      const x = tensor([1, 2]).requireGrad();
      backward(x.mul(3), tensor([1, 10]));
      expect(gradsOf([x])[0]!.toNumbers()).toEqual([3, 30]);
      expect(() => backward(x.mul(3))).toThrow(/backward.*scalar/);
      expect(() => backward(tensor([1]))).toThrow(/backward.*grad/);
    });
  });

  test('gradients() leaves .grad alone and gives null for what was not used', () => {
    scope(() => {
      const x = tensor([2]).requireGrad();
      const unused = tensor([2]).requireGrad();
      const [dx, none] = gradients([x.pow(3).sum()], [x, unused]);
      expect(dx!.item()).toBe(12);
      expect(none).toBeNull();
      expect(gradsOf([x, unused])).toEqual([null, null]);
    });
  });

  test('the graph survives the scope of its temporaries', () => {
    scope(() => {
      const x = tensor([2]).requireGrad();
      backward(scope(() => x.exp().mul(x).sum()));
      expect(gradsOf([x])[0]!.item()).toBeCloseTo(3 * Math.exp(2), 5);
    });
  });

  test('through a disposed intermediate', () => {
    scope(() => {
      const x = tensor([2]).requireGrad();
      const y = x.mul(x);
      const loss = y.sum();
      y.dispose();
      backward(loss);
      expect(gradsOf([x])[0]!.item()).toBe(4);
    });
  });
});

describe('random numbers', () => {
  const draw = (generator: Generator, sample: (g: Generator) => Tensor = (g) => randn([5], g)) =>
    scope(() => sample(generator).toNumbers());

  test('a seed gives one stream; another seed, or going on, another', () => {
    const first = draw(new Generator('cpu', 1));
    expect(draw(new Generator('cpu', 1))).toEqual(first);
    expect(draw(new Generator('cpu', 2))).not.toEqual(first);
    const generator = new Generator('cpu', 1);
    draw(generator);
    expect(draw(generator)).not.toEqual(first);
    generator.seed(1);
    expect(draw(generator)).toEqual(first);
  });

  test('streams do not disturb each other, nor the default one', () => {
    const a = new Generator('cpu', 1);
    const b = new Generator('cpu', 1);
    const reference = new Generator('cpu', 1);
    const expected = [draw(reference), draw(reference)];
    expect(draw(a)).toEqual(expected[0]);
    draw(b);
    draw(new Generator('cpu'));
    expect(draw(a)).toEqual(expected[1]);
  });

  // An odd count of normal numbers leaves one half of a pair in the generator: it belongs to the state.
  test.each([1, 3, 16, 17])('state saved after %i normal numbers gives the same again', (count) => {
    const generator = new Generator('cpu', 5);
    draw(generator, (g) => randn([count], g, 'float64'));
    const state = generator.state();
    expect(state.dtype).toBe('uint8');
    const copy = tensor(state.toArray(), state.shape); // as a checkpoint would hold it
    const expected = [draw(generator), draw(generator, (g) => rand([3], g))];
    generator.restore(copy);
    expect([draw(generator), draw(generator, (g) => rand([3], g))]).toEqual(expected);
    const other = new Generator('cpu', 99);
    other.restore(copy);
    expect(draw(other)).toEqual(expected[0]);
    state.dispose();
    copy.dispose();
  });

  test('normal numbers are normal, uniform ones uniform', () => {
    const normal = draw(new Generator('cpu', 3), (g) => randn([20_000], g));
    const mean = normal.reduce((sum, v) => sum + v, 0) / normal.length;
    const variance = normal.reduce((sum, v) => sum + (v - mean) ** 2, 0) / normal.length;
    expect(Math.abs(mean)).toBeLessThan(0.04);
    expect(Math.abs(variance - 1)).toBeLessThan(0.06);
    const uniform = draw(new Generator('cpu', 3), (g) => rand([20_000], g));
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    expect(Math.abs(uniform.reduce((sum, v) => sum + v, 0) / uniform.length - 0.5)).toBeLessThan(0.015);
  });

  test('a state that is none, a generator that is none', () => {
    expect(() => scope(() => new Generator('cpu', 1).restore(zeros([3], { dtype: 'uint8' })))).toThrow(
      /setGeneratorState/,
    );
    expect(() => native.generatorState(1e6)).toThrow(/no such generator/);
  });
});
