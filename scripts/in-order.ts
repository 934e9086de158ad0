/** A run that takes a share of a GPU. */
export interface Placed {
  /** In (0, 1]. */
  share: number;
}

export interface InOrderOptions<Run extends Placed> {
  gpus: number;
  /** Once aborted nothing is begun any more. */
  signal: AbortSignal;
  /** Runs one; what it returns is to be run again, before all others. */
  run: (one: Run, gpu: number) => Promise<Run | undefined>;
}

/** Shares of thirds are three to a GPU. */
const ROUNDING = 1e-6;

/**
 * Begins runs in their order, each on the GPU with most room, as soon as there is room for it. None overtakes another: small ones would fill
 * every gap, and a large one before them never find room.
 */
export async function inOrder<Run extends Placed>(
  runs: readonly Run[],
  { gpus, signal, run }: InOrderOptions<Run>,
): Promise<void> {
  const waiting = [...runs];
  const room = Array.from({ length: gpus }, () => 1);
  const running = new Set<Promise<void>>();
  const begin = (one: Run, gpu: number) => {
    room[gpu] -= one.share;
    const ended = run(one, gpu).then((again) => {
      room[gpu] += one.share;
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
