// What all lists of small runs share: pictures held on the GPU, steps recorded, few threads, so that several run side by side.
export const SMALL = {
  'data.hold': 'device',
  'data.workers': 6,
  threads: 2,
  cudaGraphs: true,
  precision: 'bfloat16',
  'schedule.warmup': { share: 0.1 },
};
