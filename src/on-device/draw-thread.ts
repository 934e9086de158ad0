// A thread of draw-ahead.ts. It must not load libtorch.
import { workerData } from 'node:worker_threads';
import { answerRequests } from '../data/thread-channel.ts';
import { type DrawContext, drawStep, type StepSamples } from './step-draws.ts';

const context = workerData as DrawContext;

answerRequests(
  (samples: StepSamples) => drawStep(context, samples),
  ({ ids, epochs, axes, colours }) =>
    [ids, epochs, axes, ...colours].map(({ buffer }) => buffer as ArrayBuffer),
);
