/**
 * The linear scaling rule: `base` is the learning rate for a batch of 256.
 * @equation FastCL 7.1: peak rate = base times batch / 256: base 1.5e-4 (MoCo v3, SimCLR), 5e-4 (DINO)
 */
export function scaledLr(base: number, globalBatchSize: number): number {
  return (base * globalBatchSize) / 256;
}
