import { freemem } from 'node:os';
import { CoupletError } from '../errors.ts';
import { deviceMemory, memoryStats } from '../torch/index.ts';

/** The rest is for the training step. */
const USABLE_SHARE = 0.7;

/** On CUDA, all but what this process has allocated. */
function freeBytesOf(device: string): number {
  if (device === 'cpu') return freemem();
  const { cuda } = memoryStats(Number(device.slice('cuda:'.length)));
  return deviceMemory(device) - (cuda?.allocated ?? 0);
}

/**
 * Throws a CoupletError when a table does not fit beside a training step.
 * @param table.what such as `data.hold: 10 pictures of 8 x 8 pixels need`
 * @param table.remedy what to do about it
 */
export function refuseHugeTable(
  { bytes, what, remedy }: { bytes: number; what: string; remedy: string },
  { device, freeBytes = freeBytesOf(device) }: { device: string; freeBytes?: number },
): void {
  const usable = USABLE_SHARE * freeBytes;
  if (bytes <= usable) return;
  throw new CoupletError(
    `${what} ${gibibytes(bytes)} on ${device}, but only ${gibibytes(usable)} of the ${gibibytes(freeBytes)} that are free can be used. ${remedy}`,
  );
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
