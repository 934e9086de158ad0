/** The linear scaling rule: `base` is the learning rate for a batch of 256. */
export function scaledLr(base: number, globalBatchSize: number): number {
  return (base * globalBatchSize) / 256;
}
