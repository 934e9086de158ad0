import { describe, expect, test } from 'vitest';
import {
  memoryStats,
  noGrad,
  scope,
  type Tensor,
  TensorDisposedError,
  tensor,
  zeros,
} from '../../src/torch/index.ts';
import { native } from '../../src/torch/native.ts';

const live = () => memoryStats().liveTensors;

describe('scope', () => {
  test('frees what was made inside, and nothing made outside', () => {
    const outside = tensor([1, 2]);
    const before = live();
    const inside = scope(() => {
      const made = outside.add(1);
      made.mul(2);
      expect(live()).toBe(before + 2);
      return [made.handle];
    });
    expect(live()).toBe(before);
    expect(native.alive(inside[0])).toBe(false);
    expect(outside.toNumbers()).toEqual([1, 2]);
    outside.dispose();
  });

  test('keeps what the body returns: tensors in arrays, plain objects and maps', () => {
    const before = live();
    const make = () => tensor([7]).mul(6);
    const kept = scope(() => {
      zeros([3]);
      return {
        one: make(),
        list: [make(), 3, make()],
        object: { a: { b: make() }, c: 'x', d: null },
        map: new Map([['k', { deep: [make()] }]]),
      };
    });
    const [first, , second] = kept.list as [Tensor, number, Tensor];
    const all = [kept.one, first, second, kept.object.a.b, kept.map.get('k')!.deep[0]];
    expect(live()).toBe(before + all.length);
    for (const survivor of all) {
      expect(survivor.toNumbers()).toEqual([42]);
      survivor.dispose();
    }
    expect(live()).toBe(before);
  });

  test('a kept tensor moves one scope outward, and dies with that one', () => {
    const before = live();
    let kept!: Tensor;
    scope(() => {
      kept = scope(() => scope(() => tensor([1]).add(1)));
      expect(kept.toNumbers()).toEqual([2]);
      expect(live()).toBe(before + 1);
    });
    expect(kept.alive).toBe(false);
    expect(live()).toBe(before);
  });

  test('returning a tensor of an outer scope neither moves nor frees it', () => {
    scope(() => {
      const outer = tensor([5]);
      expect(scope(() => outer)).toBe(outer);
      expect(outer.toNumbers()).toEqual([5]);
      scope(() => scope(() => outer));
      expect(outer.alive).toBe(true);
    });
  });

  test('frees when the body throws, through every level, and the depth is as before', () => {
    const before = live();
    const depth = native.scopeDepth();
    const boom = new Error('boom');
    expect(() =>
      scope(() => {
        zeros([2]);
        scope(() => {
          zeros([2]);
          throw boom;
        });
      }),
    ).toThrow(boom);
    expect(live()).toBe(before);
    expect(native.scopeDepth()).toBe(depth);
  });

  test('frees when libtorch throws inside', () => {
    const before = live();
    expect(() => scope(() => zeros([2]).add(zeros([3])))).toThrow(/add/);
    expect(live()).toBe(before);
  });

  test('refuses a promise, frees, and leaves no unhandled rejection', async () => {
    const before = live();
    const depth = native.scopeDepth();
    expect(() => scope(async () => zeros([2]))).toThrow(/promise.*synchronous/);
    expect(() => scope(() => Promise.reject(new Error('later')))).toThrow(TypeError);
    expect(() => noGrad(async () => 1)).toThrow(/promise/);
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail the run here
    expect(live()).toBe(before);
    expect(native.scopeDepth()).toBe(depth);
  });

  test('persist() takes a tensor out of every scope', () => {
    const before = live();
    const kept = scope(() => scope(() => tensor([3]).persist()));
    expect(kept.toNumbers()).toEqual([3]);
    expect(live()).toBe(before + 1);
    kept.dispose();
    expect(live()).toBe(before);
  });

  test('a tensor disposed inside, and one whose slot was used again, are not freed twice', () => {
    scope(() => {
      const outer = scope(() => {
        tensor([1]).dispose();
        const again = tensor([2]); // takes the slot that was freed
        again.dispose();
        return tensor([3]);
      });
      expect(outer.toNumbers()).toEqual([3]);
    });
  });

  test('many kept among many made', () => {
    const before = live();
    const kept = scope(() =>
      Array.from({ length: 1000 }, (_, i) => tensor([i])).filter((_, i) => i % 2 === 1),
    );
    expect(live()).toBe(before + 500);
    expect(kept[499].toNumbers()).toEqual([999]);
    for (const survivor of kept) survivor.dispose();
    expect(live()).toBe(before);
  });
});

describe('a stale handle', () => {
  test('throws TensorDisposedError that names the op', () => {
    const gone = zeros([2]);
    gone.dispose();
    gone.dispose(); // twice is harmless
    const here = zeros([2]);
    expect(() => here.add(gone)).toThrow(TensorDisposedError);
    expect(() => here.add(gone)).toThrow(/aten::add.Tensor\(self: float32 \[2\] cpu, other: disposed\)/);
    expect(() => gone.exp()).toThrow(/aten::exp/);
    expect(() => gone.shape).toThrow(/shape: the tensor was disposed/);
    expect(() => gone.toNumbers()).toThrow(TensorDisposedError);
    expect(() => gone.item()).toThrow(/item/);
    expect(() => gone.persist()).toThrow(/persist/);
    expect(() => gone.requireGrad()).toThrow(TensorDisposedError);
    expect(gone.alive).toBe(false);
    here.dispose();
  });

  test('never reads the tensor that has its slot now', () => {
    const old = zeros([1]);
    old.dispose();
    const next = zeros([1]).add_(2);
    expect(next.handle % 2 ** 26).toBe(old.handle % 2 ** 26); // the same slot
    expect(next.handle).not.toBe(old.handle);
    expect(() => old.item()).toThrow(TensorDisposedError);
    old.dispose(); // must not free the new one
    expect(next.toNumbers()).toEqual([2]);
    next.dispose();
  });

  test('stays stale after every tensor was freed', () => {
    native.clearTable(); // were it to forget the generations, the next two would have the same handle
    const old = zeros([1]).persist();
    native.clearTable();
    const next = tensor([9]);
    expect(old.alive).toBe(false);
    expect(() => old.item()).toThrow(TensorDisposedError);
    next.dispose();
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 60])(
    'a number that never was one: %s',
    (number) => {
      expect(native.alive(number)).toBe(false);
      expect(() => native.item(number)).toThrow(TensorDisposedError);
    },
  );
});
