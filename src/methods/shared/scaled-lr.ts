/** The linear scaling rule by which the papers state learning rates: `base` for a batch of 256. For a config's optimizer.peakLr. */
export function scaledLr(base: number, globalBatchSize: number): number {
  return (base * globalBatchSize) / 256;
}
