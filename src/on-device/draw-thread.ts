// A thread that draws steps ahead (draw-ahead.ts). It must not load libtorch.
import { parentPort, workerData } from 'node:worker_threads';
import { type DrawContext, drawStep } from './step-draws.ts';

/** A step to draw. */
export interface DrawJob {
  job: number;
  position: number;
  count: number;
}

const context = workerData as DrawContext;

parentPort!.on('message', ({ job, ...at }: DrawJob) => {
  try {
    const draws = drawStep(context, at);
    const { ids, epochs, axes, colours } = draws;
    const buffers = [ids, epochs, axes, ...colours].map(({ buffer }) => buffer as ArrayBuffer);
    parentPort!.postMessage({ job, draws }, buffers);
  } catch (error) {
    parentPort!.postMessage({ job, error });
  }
});
