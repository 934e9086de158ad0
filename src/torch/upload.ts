import type { HostArray } from '../../native/native.d.ts';
import { borrow, type Tensor } from './tensor.ts';

/**
 * A typed array as a tensor on a device. On the CPU both share memory, so the array must not change while the tensor is in use.
 * CUDA copies through page-locked memory: a copy from other memory would wait for the device.
 */
export function upload(values: HostArray, shape: readonly number[], device: string): Tensor {
  const here = borrow(values, shape);
  return device === 'cpu' || here.size === 0
    ? here.toDevice(device)
    : here.pinMemory().toDevice(device, true);
}
