import { totalmem } from 'node:os';
import { CoupletError } from '../errors.ts';
import { native } from './native.ts';

export const cudaCount = (): number => native.cudaCount();

/** 'auto' is 'cuda:0' if there is a GPU, else 'cpu'. Sets the current CUDA device. Throws a CoupletError for a missing one. */
export function resolveDevice(name: string): string {
  const count = cudaCount();
  const device = name === 'auto' ? (count > 0 ? 'cuda:0' : 'cpu') : name === 'cuda' ? 'cuda:0' : name;
  if (device === 'cpu') return device;
  if (!/^cuda:\d+$/.test(device)) {
    throw new CoupletError(`device ${name} is not known: expected 'auto', 'cpu', 'cuda' or 'cuda:N'.`);
  }
  const index = Number(device.slice('cuda:'.length));
  if (index >= count) {
    throw new CoupletError(
      `device ${name}: this machine shows ${count} CUDA devices. Use device: 'cpu', or run couplet doctor.`,
    );
  }
  native.setCudaDevice(index);
  return device;
}

/** Bytes of memory of a device, used or free. */
export function deviceMemory(device: string): number {
  return device === 'cpu' ? totalmem() : native.cudaTotalMemory(Number(device.slice('cuda:'.length)));
}

/** Frees the unused memory that the CUDA allocator caches. */
export const emptyCache = (): void => native.cudaEmptyCache();

/** Waits until a GPU has finished its work. */
export function synchronize(device: string): void {
  if (device.startsWith('cuda')) native.cudaSynchronize();
}

export function setThreads(count: number): void {
  native.setThreads(count);
}

/** Float32 matrix products on CUDA: 'exact', or 'tf32' (tensor cores, 10 bits of mantissa). Every run sets it: defaults differ. */
export function setMatmulPrecision(precision: 'exact' | 'tf32'): void {
  native.setTf32(precision === 'tf32');
}

/** Frees every tensor. */
export function shutdown(): void {
  native.clearTable();
}
