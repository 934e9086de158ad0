/** Exit codes of a process that a signal ended: 128 and the signal's number. */
const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export interface Stop {
  /** Aborted by the first signal. */
  signal: AbortSignal;
  /** The exit code that the first signal asks for; undefined when there was none. */
  code(): number | undefined;
  /** Gives the signals back. */
  dispose(): void;
}

/** The first Ctrl-C or SIGTERM lets the run save and end; the second ends the process at once, with 130. */
export function stopOnSignals(say: (text: string) => void): Stop {
  const controller = new AbortController();
  let code: number | undefined;
  const onSignal = (name: keyof typeof CODES) => {
    if (controller.signal.aborted) process.exit(CODES.SIGINT);
    code = CODES[name];
    say('finishing this step, saving, then stopping (again to quit at once)');
    controller.abort(name);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    code: () => code,
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
