import { totalmem } from 'node:os';
import { CoupletError } from '../errors.ts';
import { native } from './native.ts';

export const cudaCount = (): number => native.cudaCount();

/** Turns 'auto' into 'cuda:0' where there is a GPU, else 'cpu'; refuses a GPU that is not there. Sets the current CUDA device. */
export function resolveDevice(wanted: string): string {
  const count = cudaCount();
  const device = wanted === 'auto' ? (count > 0 ? 'cuda:0' : 'cpu') : wanted === 'cuda' ? 'cuda:0' : wanted;
  if (device === 'cpu') return device;
  if (!/^cuda:\d+$/.test(device)) {
    throw new CoupletError(`device ${wanted} is not known: expected 'auto', 'cpu', 'cuda' or 'cuda:N'.`);
  }
  const index = Number(device.slice('cuda:'.length));
  if (index >= count) {
    throw new CoupletError(
      `device ${wanted}: this machine shows ${count} CUDA devices. Use device: 'cpu', or run couplet doctor.`,
    );
  }
  native.setCudaDevice(index);
  return device;
}

/** Bytes of memory that a device has, whoever uses them. */
export function deviceMemory(device: string): number {
  return device === 'cpu' ? totalmem() : native.cudaTotalMemory(Number(device.slice('cuda:'.length)));
}

/** Gives back the memory of CUDA devices that the allocator keeps for later and nothing uses. Without CUDA it does nothing. */
export const emptyCache = (): void => native.cudaEmptyCache();

/** Waits until the device has done all it was given. The CPU always has. */
export function synchronize(device: string): void {
  if (device.startsWith('cuda')) native.cudaSynchronize();
}

export function setThreads(count: number): void {
  native.setThreads(count);
}

/**
 * Float32 matrix products on CUDA: 'exact', or 'tf32' (tensor cores, 10 bits of mantissa). Set at the start of every
 * run and shown, because a default that differs between bindings is the usual reason for "slower than PyTorch".
 */
export function setMatmulPrecision(precision: 'exact' | 'tf32'): void {
  native.setTf32(precision === 'tf32');
}

/** Frees every tensor, for a clean exit. */
export function shutdown(): void {
  native.clearTable();
}
