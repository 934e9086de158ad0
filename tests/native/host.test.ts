import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../native/native.d.ts';
import {
  backward,
  borrow,
  gradsOf,
  memoryStats,
  scope,
  type Tensor,
  tensor,
  tensorFromBits,
  zeros,
} from '../../src/torch/index.ts';
import { native } from '../../src/torch/native.ts';
import * as ops from '../../src/torch/ops.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Lets finalizers and weak references see that an object is gone. */
async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
}

const ARRAYS: [string, HostArray][] = [
  ['float64', Float64Array.of(0.1, -0, Number.NaN, Number.NEGATIVE_INFINITY)],
  ['float32', Float32Array.of(0.1, -0, Number.NaN, Number.POSITIVE_INFINITY)],
  ['int64', BigInt64Array.of(2n ** 62n, -(2n ** 63n), 0n, 1n)],
  ['int32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0, 1)],
  ['int16', Int16Array.of(-32768, 32767, 0, 1)],
  ['int8', Int8Array.of(-128, 127, 0, 1)],
  ['uint8', Uint8Array.of(0, 255, 1, 2)],
];

describe('typed arrays in and out', () => {
  test.each(ARRAYS)('%s comes back bit for bit, as its own type', (dtype, array) => {
    scope(() => {
      const made = tensor(array, [2, 2]);
      expect(made.dtype).toBe(dtype);
      expect(made.shape).toEqual([2, 2]);
      expect(made.toArray()).toEqual(array);
    });
  });

  test('a copy: later changes of the array do not reach the tensor, nor the other way', () => {
    scope(() => {
      const array = Float32Array.of(1, 2);
      const made = tensor(array);
      array[0] = 9;
      expect(made.toNumbers()).toEqual([1, 2]);
      (made.toArray() as Float32Array)[0] = 7;
      expect(made.toNumbers()).toEqual([1, 2]);
    });
  });

  test('parts of a buffer, shared buffers, empty arrays, scalars', () => {
    scope(() => {
      const shared = new Float32Array(new SharedArrayBuffer(16));
      shared.set([1, 2, 3, 4]);
      expect(tensor(shared.subarray(1, 3)).toNumbers()).toEqual([2, 3]);
      expect(tensor(new Float32Array(0), [0, 3]).shape).toEqual([0, 3]);
      expect(tensor(new Float32Array(0), [0, 3]).toNumbers()).toEqual([]);
      expect(borrow(new Float32Array(0), [2, 0]).sum().item()).toBe(0);
      expect(tensor([5], []).shape).toEqual([]);
      expect(tensor([5], []).item()).toBe(5);
    });
  });

  test('views come out in row-major order', () => {
    scope(() => {
      const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
      expect(x.t.toNumbers()).toEqual([1, 4, 2, 5, 3, 6]);
      expect(x.narrow(1, 1, 2).toNumbers()).toEqual([2, 3, 5, 6]);
      expect(tensor([1], [1]).expand(3).toNumbers()).toEqual([1, 1, 1]);
    });
  });

  test('16-bit floats as bits, bool as bytes, lists as float32', () => {
    scope(() => {
      const bits = Uint16Array.of(0x3f80, 0xc000); // bfloat16 1 and -2
      const half = tensorFromBits(bits, [2], 'bfloat16');
      expect(half.toNumbers()).toEqual([1, -2]);
      expect(half.toArray()).toEqual(bits);
      expect(tensor([0.1]).dtype).toBe('float32');
      expect(tensor([0.1]).item()).toBe(Math.fround(0.1));
      expect(tensor([0.1], [1], { dtype: 'float64' }).item()).toBe(0.1);
      expect(tensor([1, 0], [2], { dtype: 'bool' }).toArray()).toEqual(Uint8Array.of(1, 0));
      expect(() => tensor(bits)).toThrow(/does not say its dtype/);
    });
  });

  test('to() and toDevice() give the tensor itself when there is nothing to do, else a copy', () => {
    scope(() => {
      const x = tensor([1.5]);
      expect(x.to('float32')).toBe(x);
      expect(x.toDevice('cpu')).toBe(x);
      const int = x.to('int32');
      expect(int.toNumbers()).toEqual([1]);
      expect(x.toNumbers()).toEqual([1.5]);
    });
  });

  test('set_ overwrites a parameter and keeps its place in the graph', () => {
    scope(() => {
      const weight = tensor([1, 2]).requireGrad();
      expect(weight.set_(Float32Array.of(3, 4))).toBe(weight);
      expect(weight.set_(weight.detach().mul(2))).toBe(weight);
      expect(weight.toNumbers()).toEqual([6, 8]);
      expect(weight.requiresGrad).toBe(true);
      backward(weight.mul(weight).sum());
      expect(gradsOf([weight])[0]!.toNumbers()).toEqual([12, 16]);
    });
  });
});

describe('borrow', () => {
  test('reads the array in place, also a shared one, and writes into it', () => {
    scope(() => {
      for (const array of [new Float32Array(2), new Float32Array(new SharedArrayBuffer(8))]) {
        const view = borrow(array, [2]);
        array[1] = 5;
        expect(view.toNumbers()).toEqual([0, 5]);
        view.add_(1);
        expect([...array]).toEqual([1, 6]);
      }
    });
  });

  test('the array lives as long as a tensor that reads it, and no longer', async () => {
    let view: Tensor | undefined;
    const weak = (() => {
      const array = new Float32Array(1 << 16).fill(3);
      const base = borrow(array, [1 << 8, 1 << 8]);
      view = base.select(0, 7).persist(); // reads the same memory
      base.dispose();
      return new WeakRef(array);
    })();
    await collectGarbage();
    expect(weak.deref()).toBeDefined();
    expect(view!.sum().item()).toBe(3 * 256);
    view!.dispose();
    scope(() => {}); // the reference is given back on the JavaScript thread, here
    await collectGarbage();
    expect(weak.deref()).toBeUndefined();
  });

  test('an array that only the graph of gradients still reads is kept for backward', async () => {
    const weight = zeros([4]).persist().requireGrad();
    const loss = (() => {
      const array = Float32Array.of(1, 2, 3, 4);
      return scope(() => weight.mul(borrow(array, [4])).sum()).persist();
    })();
    await collectGarbage();
    for (let i = 0; i < 50; i++) new Float32Array(4).fill(99); // would take freed memory
    backward(loss);
    expect(gradsOf([weight])[0]!.toNumbers()).toEqual([1, 2, 3, 4]);
    loss.dispose();
    weight.dispose();
  });

  test('refuses an array that does not fit', () => {
    expect(() => borrow(new Float32Array(3), [2])).toThrow(/bytes/);
  });
});

describe('memoryStats', () => {
  test('counts tensors, and each storage once', () => {
    const before = memoryStats();
    scope(() => {
      const x = zeros([1000]); // 4,000 bytes
      x.view(10, 100).select(0, 1); // two views of it
      const now = memoryStats();
      expect(now.liveTensors - before.liveTensors).toBe(3);
      expect(now.cpuBytes - before.cpuBytes).toBe(4000);
      x.to('float64');
      expect(memoryStats().cpuBytes - before.cpuBytes).toBe(12_000);
    });
    expect(memoryStats().liveTensors).toBe(before.liveTensors);
    expect(memoryStats().cpuBytes).toBe(before.cpuBytes);
  });

  test('names no CUDA memory where there is none', () => {
    expect(memoryStats().cuda === undefined).toBe(native.cudaCount() === 0);
  });
});

test('the type of every array is the type of its tensor after a round trip through an op', () => {
  scope(() => {
    for (const [dtype, array] of ARRAYS) expect(ops.clone(tensor(array)).dtype).toBe(dtype);
  });
});
