/** Exit codes of a process that a signal ended: 128 and the signal's number. SIGUSR1 is what schedulers send before a time limit. */
export const STOP_CODES = { SIGINT: 130, SIGTERM: 143, SIGUSR1: 138 } as const;
export type StopSignal = keyof typeof STOP_CODES;
export const STOP_SIGNALS = Object.keys(STOP_CODES) as StopSignal[];

/** A request may come twice at once: a terminal and Slurm signal the launcher and its ranks, and the launcher passes it on. */
const ONE_REQUEST_MS = 500;

export interface Stop {
  /** Aborted by the first signal. */
  signal: AbortSignal;
  /** The exit code that the first signal asks for; undefined when there was none. */
  code(): number | undefined;
  /** Gives the signals back. */
  dispose(): void;
}

/**
 * The first Ctrl-C, SIGTERM or SIGUSR1 lets the run save and end. A second Ctrl-C or SIGTERM, half a second later or more, ends
 * the process at once, with 130; one that follows SIGUSR1 is the time limit that was announced, so that is the first.
 */
export function stopOnSignals(say: (text: string) => void): Stop {
  const controller = new AbortController();
  let code: number | undefined;
  let askedAt: number | undefined;
  const onSignal = (name: StopSignal) => {
    const now = performance.now();
    if (name !== 'SIGUSR1') {
      if (askedAt !== undefined && now - askedAt >= ONE_REQUEST_MS) process.exit(STOP_CODES.SIGINT);
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
