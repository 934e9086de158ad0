import type { Handle, HostArray } from '../../native/native.d.ts';
import { DTYPE_CODE, type DType, dtypeOf, dtypeOfArray, hostArray } from './dtype.ts';
import { native } from './native.ts';
import * as ops from './ops.ts';

type Operand = Tensor | number;

/**
 * An n-dimensional array of libtorch. Its scope frees it (scope.ts), garbage collection does not.
 * Methods whose name ends in `_` change the tensor in place and return it.
 */
export class Tensor {
  readonly handle: Handle;
  #shape: readonly number[] | undefined;

  /** For files of `src/torch/` only. */
  constructor(handle: Handle) {
    this.handle = handle;
  }

  get shape(): readonly number[] {
    this.#shape ??= native.shape(this.handle);
    return this.#shape;
  }
  get dtype(): DType {
    return dtypeOf(native.dtype(this.handle));
  }
  /** 'cpu' or 'cuda:N'. */
  get device(): string {
    return native.device(this.handle);
  }
  get dim(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }
  get alive(): boolean {
    return native.alive(this.handle);
  }
  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  /** Frees the tensor now; a second call does nothing. */
  dispose(): void {
    native.dispose(this.handle);
  }
  /** Takes the tensor out of every scope: the caller frees it. */
  persist(): this {
    native.persist(this.handle);
    return this;
  }
  requireGrad(on = true): this {
    native.setRequiresGrad(this.handle, on);
    return this;
  }

  // Copies to the host, which wait for the device.
  /** Of a tensor with one element. */
  item(): number {
    return native.item(this.handle);
  }
  /** In row-major order; 16-bit floats as their bits. */
  toArray(): HostArray {
    const out = hostArray(this.dtype, this.size);
    native.copyOut(this.handle, out);
    return out;
  }
  toNumbers(): number[] {
    const exact = this.dtype === 'float16' || this.dtype === 'bfloat16' ? this.to('float32') : this;
    const numbers = Array.from(exact.toArray() as ArrayLike<number | bigint>, Number);
    if (exact !== this) exact.dispose();
    return numbers;
  }
  /** Overwrites the elements outside autograd. */
  set_(source: Tensor | HostArray): this {
    if (!(source instanceof Tensor)) native.copyIn(this.handle, source);
    else {
      const before = native.setGradMode(false);
      try {
        ops.copy_(this, source);
      } finally {
        native.setGradMode(before);
      }
    }
    return this;
  }

  // Elementwise, with broadcasting.
  add(other: Operand, alpha?: number): Tensor {
    return typeof other === 'number'
      ? ops.add_Scalar(this, other, alpha)
      : ops.add_Tensor(this, other, alpha);
  }
  sub(other: Operand): Tensor {
    return typeof other === 'number' ? ops.sub_Scalar(this, other) : ops.sub_Tensor(this, other);
  }
  mul(other: Operand): Tensor {
    return typeof other === 'number' ? ops.mul_Scalar(this, other) : ops.mul_Tensor(this, other);
  }
  div(other: Operand): Tensor {
    return typeof other === 'number' ? ops.div_Scalar(this, other) : ops.div_Tensor(this, other);
  }
  pow(exponent: number): Tensor {
    return ops.pow_Tensor_Scalar(this, exponent);
  }
  neg(): Tensor {
    return ops.neg(this);
  }
  exp(): Tensor {
    return ops.exp(this);
  }
  log(): Tensor {
    return ops.log(this);
  }
  sqrt(): Tensor {
    return ops.sqrt(this);
  }
  abs(): Tensor {
    return ops.abs(this);
  }
  clamp(min: number | null, max: number | null): Tensor {
    return ops.clamp(this, min, max);
  }

  // In place.
  add_(other: Operand, alpha?: number): this {
    if (typeof other === 'number') ops.add__Scalar(this, other, alpha);
    else ops.add__Tensor(this, other, alpha);
    return this;
  }
  mul_(other: Operand): this {
    if (typeof other === 'number') ops.mul__Scalar(this, other);
    else ops.mul__Tensor(this, other);
    return this;
  }
  copy_(source: Tensor, nonBlocking?: boolean): this {
    ops.copy_(this, source, nonBlocking);
    return this;
  }
  clamp_(min: number | null, max: number | null): this {
    ops.clamp_(this, min, max);
    return this;
  }
  zero_(): this {
    ops.zero_(this);
    return this;
  }

  // Comparison: bool tensors.
  eq(other: Operand): Tensor {
    return typeof other === 'number' ? ops.eq_Scalar(this, other) : ops.eq_Tensor(this, other);
  }
  gt(other: Operand): Tensor {
    return typeof other === 'number' ? ops.gt_Scalar(this, other) : ops.gt_Tensor(this, other);
  }
  logicalNot(): Tensor {
    return ops.logical_not(this);
  }

  // Reductions; without dims to a scalar tensor.
  sum(dims?: number | readonly number[], keepDim?: boolean): Tensor {
    return dims === undefined ? ops.sum(this) : ops.sum_dim_IntList(this, dims, keepDim);
  }
  mean(dims?: number | readonly number[], keepDim?: boolean): Tensor {
    return dims === undefined ? ops.mean(this) : ops.mean_dim(this, dims, keepDim);
  }
  argmax(dim: number): Tensor {
    return ops.argmax(this, dim);
  }

  // Shapes; views where possible.
  view(...shape: number[]): Tensor {
    return ops.view(this, shape);
  }
  reshape(...shape: number[]): Tensor {
    return ops.reshape(this, shape);
  }
  permute(...dims: number[]): Tensor {
    return ops.permute(this, dims);
  }
  transpose(a: number, b: number): Tensor {
    return ops.transpose_int(this, a, b);
  }
  /** Transpose of a matrix. */
  get t(): Tensor {
    return ops.t(this);
  }
  unsqueeze(dim: number): Tensor {
    return ops.unsqueeze(this, dim);
  }
  squeeze(dim: number): Tensor {
    return ops.squeeze_dim(this, dim);
  }
  expand(...shape: number[]): Tensor {
    return ops.expand(this, shape);
  }
  select(dim: number, index: number): Tensor {
    return ops.select_int(this, dim, index);
  }
  /** A copy in page-locked memory, from which CUDA copies asynchronously. */
  pinMemory(): Tensor {
    return ops.pin_memory(this);
  }
  /** Elements [start, start + length) of a dimension. */
  narrow(dim: number, start: number, length: number): Tensor {
    return ops.narrow(this, dim, start, length);
  }
  indexSelect(dim: number, index: Tensor): Tensor {
    return ops.index_select(this, dim, index);
  }
  gather(dim: number, index: Tensor): Tensor {
    return ops.gather(this, dim, index);
  }
  unbind(dim: number): Tensor[] {
    return ops.unbind_int(this, dim);
  }
  contiguous(): Tensor {
    return ops.contiguous(this);
  }
  clone(): Tensor {
    return ops.clone(this);
  }
  detach(): Tensor {
    return ops.detach(this);
  }
  diagonal(): Tensor {
    return ops.diagonal(this);
  }

  matmul(other: Tensor): Tensor {
    return ops.matmul(this, other);
  }

  /** A copy of another dtype; the tensor itself when it has that dtype. */
  to(dtype: DType): Tensor {
    return this.dtype === dtype ? this : ops._to_copy(this, dtype);
  }
  /** A copy on another device; the tensor itself when it is there. */
  toDevice(device: string, nonBlocking?: boolean): Tensor {
    const here = this.device;
    const same = here === device || (device === 'cuda' && here.startsWith('cuda'));
    return same ? this : ops._to_copy(this, undefined, undefined, device, undefined, nonBlocking);
  }
}

export interface TensorOptions {
  dtype?: DType;
  device?: string;
}

/** Copies numbers (float32 by default) or a typed array; `shape` is one dimension by default. */
export function tensor(
  values: HostArray | readonly number[],
  shape?: readonly number[],
  options: TensorOptions = {},
): Tensor {
  const isList = Array.isArray(values);
  const source: HostArray = isList ? Float64Array.from(values) : (values as HostArray);
  const from = dtypeOfArray(source);
  const copy = new Tensor(native.fromHost(source, shape ?? [source.length], DTYPE_CODE[from]));
  const dtype = options.dtype ?? (isList ? 'float32' : from);
  const device = options.device ?? 'cpu';
  if (dtype === from && device === 'cpu') return copy;
  const moved = ops._to_copy(copy, dtype, undefined, device);
  copy.dispose();
  return moved;
}

/** Copies raw bits, such as bfloat16 in a Uint16Array. */
export function tensorFromBits(bits: HostArray, shape: readonly number[], dtype: DType): Tensor {
  return new Tensor(native.fromHost(bits, shape, DTYPE_CODE[dtype]));
}

/** A CPU tensor in the memory of a typed array, also over a SharedArrayBuffer. Writing to the array changes the tensor. */
export function borrow(array: HostArray, shape: readonly number[]): Tensor {
  return new Tensor(native.borrowHost(array, shape, DTYPE_CODE[dtypeOfArray(array)]));
}

export function zeros(
  shape: readonly number[],
  { dtype = 'float32', device = 'cpu' }: TensorOptions = {},
): Tensor {
  return ops.zeros(shape, dtype, undefined, device);
}

export function ones(
  shape: readonly number[],
  { dtype = 'float32', device = 'cpu' }: TensorOptions = {},
): Tensor {
  return ops.ones(shape, dtype, undefined, device);
}

export function full(
  shape: readonly number[],
  value: number,
  { dtype = 'float32', device = 'cpu' }: TensorOptions = {},
): Tensor {
  return ops.full(shape, value, dtype, undefined, device);
}

/** [start, end) as int64. */
export function arange(
  start: number,
  end: number,
  { dtype = 'int64', device = 'cpu' }: TensorOptions = {},
): Tensor {
  return ops.arange_start_step(start, end, 1, dtype, undefined, device);
}
