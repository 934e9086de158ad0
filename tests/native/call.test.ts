import { describe, expect, test } from 'vitest';
import { scope, TorchError, tensor, zeros } from '../../src/torch/index.ts';
import { native } from '../../src/torch/native.ts';
import * as ops from '../../src/torch/ops.ts';

describe('conversion of arguments', () => {
  test('undefined is the default of the schema', () => {
    scope(() => {
      const ones = tensor([1, 1]);
      expect(ops.add_Tensor(ones, ones, undefined).toNumbers()).toEqual([2, 2]); // alpha = 1
      expect(ops.add_Tensor(ones, ones, 3).toNumbers()).toEqual([4, 4]);
      expect(ops.softplus(tensor([0]), undefined, undefined).item()).toBeCloseTo(Math.log(2), 6);
    });
  });

  test('null is None, and refused where the schema wants a value', () => {
    scope(() => {
      const x = tensor([-2, 0, 2]);
      expect(ops.clamp(x, null, 1).toNumbers()).toEqual([-2, 0, 1]);
      expect(ops.clamp(x, -1, null).toNumbers()).toEqual([-1, 0, 2]);
      expect(() => ops.sum_dim_IntList(x, [0], null as never)).toThrow(
        /aten::sum.dim_IntList.*keepdim.*null/s,
      );
    });
  });

  test('a missing argument without a default is named', () => {
    scope(() =>
      expect(() => ops.unsqueeze(zeros([1]), undefined as never)).toThrow(/argument 'dim' is missing/),
    );
  });

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 54])('%s is refused for an int', (value) => {
    scope(() => {
      expect(() => ops.unsqueeze(zeros([2]), value)).toThrow(/argument 'dim': expected an integer, got/);
      expect(() => zeros([value])).toThrow(TorchError);
      expect(() => tensor([1, 2], [value])).toThrow(TorchError);
    });
  });

  test('a shape of typed arrays takes whole numbers only', () => {
    expect(() => tensor([1, 2], [2.5])).toThrow(TorchError);
    expect(() => tensor([1, 2], [1, 2.9])).toThrow(TorchError);
    expect(() => tensor([1, 2], [-2])).toThrow(/negative/);
    expect(() => tensor([1, 2], [3])).toThrow(/bytes/);
  });

  test('whole numbers are int scalars, others floats, -0 a float', () => {
    scope(() => {
      const ints = tensor(Int32Array.of(1, 2));
      expect(ints.add(1).dtype).toBe('int32');
      expect(ints.mul(2).toNumbers()).toEqual([2, 4]);
      expect(ints.add(0.5).dtype).toBe('float32');
      const negativeZero = ops.full([1], -0, 'float64').toNumbers()[0];
      expect(Object.is(negativeZero, -0)).toBe(true);
      expect(Object.is(tensor([1]).mul(-0).toNumbers()[0], -0)).toBe(true);
      expect(ops.full([1], 2 ** 60, 'int64').toArray()[0]).toBe(2n ** 60n);
      expect(ops.full([], Number.NEGATIVE_INFINITY).item()).toBe(Number.NEGATIVE_INFINITY);
      expect(ops.full([], Number.NaN).item()).toBeNaN();
    });
  });

  test('wrong kinds of value are refused with the name of the argument', () => {
    scope(() => {
      const x = zeros([2]);
      expect(() => ops.sum_dim_IntList(x, [0], 1 as never)).toThrow(/argument 'keepdim': expected a boolean/);
      expect(() => ops.unsqueeze(x, '0' as never)).toThrow(/argument 'dim': expected a number/);
      expect(() => ops.gelu(x, 1 as never)).toThrow(/argument 'approximate': expected a string/);
      expect(() => ops.view(x, 'no' as never)).toThrow(/argument 'size': expected an array/);
      expect(() => ops.permute(x, [0.5])).toThrow(/argument 'dims': expected an integer/);
      expect(() => ops.zeros([1], undefined, undefined, 'nowhere')).toThrow(/nowhere|device/i);
      expect(() => native.call(native.findOp('aten::neg', ''), x.handle, 1, 2)).toThrow(/too many arguments/);
      expect(() => native.call(1e9, x.handle)).toThrow(/no such op/);
    });
  });

  test('one number stands for a list of ints; lists, strings, generators and devices arrive', () => {
    scope(() => {
      const x = tensor([1, 2, 3, 4], [2, 2]);
      expect(x.sum(0).toNumbers()).toEqual([4, 6]);
      expect(x.sum([0, 1]).item()).toBe(10);
      expect(ops.cat([x, x], 1).shape).toEqual([2, 4]);
      expect(ops.gelu(tensor([1]), 'tanh').item()).not.toBe(ops.gelu(tensor([1]), 'none').item());
      expect(ops.index_Tensor(x, [null, tensor(BigInt64Array.of(1n))]).toNumbers()).toEqual([2, 4]);
      expect(ops.zeros([2], 'int16', undefined, 'cpu').dtype).toBe('int16');
    });
  });

  test('an op that this libtorch does not have', () => {
    expect(native.findOp('aten::no_such_op', '')).toBe(-1);
    expect(native.schema('aten::add', 'NoOverload')).toBeUndefined();
    expect(ops.has('aten::no_such_op')).toBe(false);
    expect(ops.has('aten::matmul')).toBe(true);
  });
});

describe('results', () => {
  test('an in-place op gives back the same object, and makes no handle', () => {
    scope(() => {
      const x = tensor([1, -2]);
      const before = native.tableStats().live;
      expect(x.add_(1)).toBe(x);
      expect(x.mul_(2)).toBe(x);
      expect(x.clamp_(0, null)).toBe(x);
      expect(ops.copy_(x, x)).toBe(x);
      expect(ops.add__Tensor(x, x)).toBe(x);
      expect(x.zero_()).toBe(x);
      expect(native.tableStats().live).toBe(before);
      expect(x.toNumbers()).toEqual([0, 0]);
    });
  });

  test('several results, lists of results, results without a tensor', () => {
    scope(() => {
      const x = tensor([3, 1, 2]);
      const [values, indices] = ops.topk(x, 2);
      expect(values.toNumbers()).toEqual([3, 2]);
      expect(indices.toNumbers()).toEqual([0, 2]);
      expect(x.unbind(0).map((t) => t.item())).toEqual([3, 1, 2]);
      expect(ops._foreach_add__Scalar([x], 1)).toBeUndefined();
      expect(x.toNumbers()).toEqual([4, 2, 3]);
    });
  });
});

describe('errors', () => {
  test("carry the op, and each tensor's type, shape and device", () => {
    scope(() => {
      const call = () => zeros([2, 3]).matmul(zeros([4, 5], { dtype: 'float64' }));
      expect(call).toThrow(TorchError);
      expect(call).toThrow(/aten::matmul\(self: float32 \[2, 3\] cpu, other: float64 \[4, 5\] cpu\): ./);
    });
  });

  test('describe the tensors of a list', () => {
    scope(() => {
      const call = () => ops.cat([zeros([2, 3]), zeros([4, 5])], 0);
      expect(call).toThrow(/aten::cat\(tensors: \[float32 \[2, 3\] cpu, float32 \[4, 5\] cpu\]\)/);
    });
  });

  test('have no C++ backtrace', () => {
    scope(() => {
      try {
        zeros([2]).add(zeros([3]));
        expect.unreachable();
      } catch (error) {
        expect((error as Error).message).not.toMatch(/frame #|Exception raised from|\.cpp/);
        expect((error as Error).name).toBe('TorchError');
        expect((error as Error).stack).toMatch(/call\.test\.ts/);
      }
    });
  });

  test('leave the engine as it was: the next call works', () => {
    scope(() => {
      const x = tensor([1, 2]);
      for (let i = 0; i < 10; i++) expect(() => x.add(zeros([3]))).toThrow(TorchError);
      expect(x.add(x).toNumbers()).toEqual([2, 4]);
    });
  });

  test('item() of more than one element, copies of the wrong size', () => {
    scope(() => {
      expect(() => zeros([2]).item()).toThrow(/item.*one element.*float32 \[2\] cpu/);
      expect(() => zeros([2]).set_(Float32Array.of(1))).toThrow(TorchError);
      expect(() => native.copyOut(zeros([2]).handle, new Float32Array(3))).toThrow(/bytes/);
      expect(() => native.fromHost({} as never, [1], 6)).toThrow(/typed array/);
    });
  });
});
