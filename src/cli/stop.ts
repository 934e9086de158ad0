/** Exit codes: 128 plus the signal's number. Schedulers send SIGUSR1 before a time limit. */
export const STOP_CODES = { SIGINT: 130, SIGTERM: 143, SIGUSR1: 138 } as const;
export type StopSignal = keyof typeof STOP_CODES;
export const STOP_SIGNALS = Object.keys(STOP_CODES) as StopSignal[];

/** One request may arrive twice: Slurm signals the launcher and its ranks, and the launcher passes its signal on. */
const SAME_REQUEST_MS = 500;

export interface Stop {
  /** Aborted by the first signal. */
  signal: AbortSignal;
  /** Exit code of the first signal, if any. */
  code(): number | undefined;
  /** Removes the listeners. */
  dispose(): void;
}

/**
 * The first Ctrl-C, SIGTERM or SIGUSR1 lets the run save and end. A second Ctrl-C or SIGTERM, at least half a second later,
 * ends the process with code 130. After SIGUSR1, which announces a time limit, a SIGTERM counts as the first.
 */
export function stopOnSignals(say: (text: string) => void): Stop {
  const controller = new AbortController();
  let code: number | undefined;
  let askedAt: number | undefined;
  const onSignal = (name: StopSignal) => {
    const now = performance.now();
    if (name !== 'SIGUSR1') {
      if (askedAt !== undefined && now - askedAt >= SAME_REQUEST_MS) process.exit(STOP_CODES.SIGINT);
      askedAt ??= now;
    }
    if (controller.signal.aborted) return;
    code = STOP_CODES[name];
    say('finishing this step, saving, then stopping (again to quit at once)');
    controller.abort(name);
  };
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    code: () => code,
    dispose: () => {
      for (const name of STOP_SIGNALS) process.off(name, onSignal);
    },
  };
}
