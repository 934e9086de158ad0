import type { RunConfig } from '../config/index.ts';
import { CoupletError } from '../errors.ts';
import { deviceOfRank, openRanks, type Place, type Ranks } from '../ranks/index.ts';
import { cudaCount, resolveDevice, setMatmulPrecision, setThreads } from '../torch/index.ts';

/** Sets threads and the precision of float32 products for this process. Returns its device. */
export function prepareProcess(config: RunConfig, place?: Place): string {
  if (config.threads) setThreads(config.threads);
  setMatmulPrecision('exact');
  return resolveDevice(place ? deviceOfRank(config.device, place, cudaCount()) : config.device);
}

/** Connects the ranks. Throws a CoupletError when their configs differ, or the batch does not divide among them. */
export function meetRanks(config: RunConfig, device: string, place: Place): Ranks {
  const { globalBatchSize, gradAccumSteps } = config.batch;
  const parts = place.worldSize * gradAccumSteps;
  if (globalBatchSize % parts !== 0) {
    throw new CoupletError(
      `batch.globalBatchSize ${globalBatchSize} does not divide into ${place.worldSize} ranks with ${gradAccumSteps} gradAccumSteps each: use a multiple of ${parts}.`,
    );
  }
  const ranks = openRanks({ device, place });
  ranks.checkSame('config', JSON.stringify(config));
  return ranks;
}
