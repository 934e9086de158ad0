export interface GpuRun {
  /** Of one GPU, in (0, 1]. */
  share: number;
}

export interface InOrderOptions<Run extends GpuRun> {
  gpus: number;
  /** After an abort no run is started. */
  signal: AbortSignal;
  /** Runs one on a GPU. A run that it returns is run again, before all others. */
  start: (run: Run, gpu: number) => Promise<Run | undefined>;
}

/** Three thirds fit on a GPU. */
const ROUNDING = 1e-6;

/**
 * Starts runs in their order, each on the GPU with most room as soon as it fits. No run overtakes another: small runs would fill every gap,
 * and a larger one before them would never fit.
 */
export async function inOrder<Run extends GpuRun>(
  runs: readonly Run[],
  { gpus, signal, start }: InOrderOptions<Run>,
): Promise<void> {
  const waiting = [...runs];
  const room = Array.from({ length: gpus }, () => 1);
  const running = new Set<Promise<void>>();
  const begin = (run: Run, gpu: number) => {
    room[gpu] -= run.share;
    const ended = start(run, gpu).then((again) => {
      room[gpu] += run.share;
      running.delete(ended);
      if (again) waiting.unshift(again);
    });
    running.add(ended);
  };
  for (;;) {
    const gpu = room.indexOf(Math.max(...room));
    const next = signal.aborted ? undefined : waiting[0];
    if (next && next.share <= room[gpu] + ROUNDING) {
      waiting.shift();
      begin(next, gpu);
    } else if (running.size > 0) await Promise.race(running);
    else return;
  }
}
