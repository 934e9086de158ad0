import type { HostArray } from '../../native/native.d.ts';
import { borrow, type Tensor } from './tensor.ts';

/**
 * A typed array as a tensor on a device. On the CPU it is read where it is, so it must stay as it is while the tensor is in use; for
 * CUDA it goes through page-locked memory: a copy from any other waits until the device has done all that it was given before.
 */
export function upload(values: HostArray, shape: readonly number[], device: string): Tensor {
  const here = borrow(values, shape);
  return device === 'cpu' || here.size === 0
    ? here.toDevice(device)
    : here.pinMemory().toDevice(device, true);
}
