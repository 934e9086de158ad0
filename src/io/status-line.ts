import { formatCount, formatDuration, formatLoss } from './human.ts';

/** What a status line tells. */
export interface Status {
  /** Steps done of `totalSteps`. */
  readonly step: number;
  readonly totalSteps: number;
  readonly loss?: number;
  /** Of all ranks. */
  readonly samplesPerSecond?: number;
  readonly elapsedSeconds: number;
  /** Left out when not known yet. */
  readonly secondsLeft?: number;
}

/** One line of text; with `width`, its last parts are left out until it fits. */
export function formatStatus(
  status: Status,
  { width = Number.POSITIVE_INFINITY }: { width?: number } = {},
): string {
  const { step, totalSteps, loss, samplesPerSecond, elapsedSeconds, secondsLeft } = status;
  const percent = totalSteps > 0 ? Math.floor((100 * step) / totalSteps) : 100;
  const parts = [`step ${step}/${totalSteps} ${String(percent).padStart(3)} %`];
  if (loss !== undefined) parts.push(`loss ${formatLoss(loss)}`);
  if (samplesPerSecond !== undefined) parts.push(`${formatCount(samplesPerSecond)} samples/s`);
  if (step < totalSteps) parts.push(`${secondsLeft === undefined ? '?' : formatDuration(secondsLeft)} left`);
  parts.push(`${formatDuration(elapsedSeconds)} so far`);
  while (parts.length > 1 && parts.join('  ').length > width) parts.pop();
  return parts.join('  ').slice(0, Math.max(0, Math.min(width, 10_000)));
}

/** How fast it goes now: over the last `windowSteps` steps, so that a slow start or a pause is forgotten. */
export class Pace {
  readonly #windowSteps: number;
  readonly #marks: { step: number; seconds: number; samples: number }[] = [];

  constructor({ windowSteps = 100 }: { windowSteps?: number } = {}) {
    this.#windowSteps = windowSteps;
  }

  /** Notes that `step` steps and `samples` samples were done at a time in seconds. */
  mark(step: number, { seconds, samples }: { seconds: number; samples: number }): void {
    this.#marks.push({ step, seconds, samples });
    while (this.#marks.length > 2 && step - (this.#marks[1]?.step as number) >= this.#windowSteps)
      this.#marks.shift();
  }

  /** Undefined until two marks are some time apart. */
  rates(): { secondsPerStep: number; samplesPerSecond: number } | undefined {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (!first || !last || last.step <= first.step || last.seconds <= first.seconds) return undefined;
    const seconds = last.seconds - first.seconds;
    return {
      secondsPerStep: seconds / (last.step - first.step),
      samplesPerSecond: (last.samples - first.samples) / seconds,
    };
  }
}

/** The part of a stream that is used: `process.stderr`, or a test's. */
export interface StatusStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface StatusLineOptions {
  readonly totalSteps: number;
  /** Steps done before this process, on resume. */
  readonly startStep?: number;
  readonly stream?: StatusStream;
  /** Seconds that only go forward. */
  readonly now?: () => number;
  /** `NO_COLOR`, `TERM` and `CI` are read. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const REDRAW_SECONDS = 0.1;

/** A line that is redrawn in place on a terminal; elsewhere (a file, CI, TERM=dumb) a line for each `log`. */
export class StatusLine {
  #total: number;
  readonly #stream: StatusStream;
  readonly #now: () => number;
  readonly #live: boolean;
  readonly #bold: boolean;
  readonly #start: number;
  readonly #pace = new Pace();
  #step: number;
  #samples = 0;
  #loss: number | undefined;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #shown = false;

  constructor({
    totalSteps,
    startStep = 0,
    stream = process.stderr,
    now,
    env = process.env,
  }: StatusLineOptions) {
    this.#total = totalSteps;
    this.#step = startStep;
    this.#stream = stream;
    this.#now = now ?? (() => performance.now() / 1000);
    this.#live = stream.isTTY === true && env.TERM !== 'dumb' && !env.CI;
    this.#bold = this.#live && !env.NO_COLOR;
    this.#start = this.#now();
    this.#pace.mark(startStep, { seconds: this.#start, samples: 0 });
  }

  /** After each step: `samples` are this step's, of all ranks. Redraws at most ten times a second. */
  tick(step: number, { samples }: { samples: number }): void {
    this.#step = step;
    this.#samples += samples;
    const now = this.#now();
    this.#pace.mark(step, { seconds: now, samples: this.#samples });
    if (this.#live && now - this.#drawnAt >= REDRAW_SECONDS) this.#draw(now);
  }

  /** The number of steps is known better now: of a budget in seconds it is an estimate. */
  expect(totalSteps: number): void {
    this.#total = totalSteps;
  }

  /** On log steps: the loss is known. Prints a line where there is no terminal. */
  log({ loss }: { loss: number }): void {
    this.#loss = loss;
    if (this.#live) this.#draw(this.#now());
    else this.#stream.write(`${formatStatus(this.status())}\n`);
  }

  /** Prints a line of its own above the live one. */
  print(text: string): void {
    this.#erase();
    this.#stream.write(`${text}\n`);
    if (this.#live) this.#draw(this.#now());
  }

  /** Leaves the last state on the screen and goes to a new line. */
  finish(): void {
    if (!this.#live) return;
    this.#draw(this.#now());
    this.#stream.write('\n');
    this.#shown = false;
  }

  /** What the line tells now. */
  status(): Status {
    const rates = this.#pace.rates();
    return {
      step: this.#step,
      totalSteps: this.#total,
      elapsedSeconds: this.#now() - this.#start,
      ...(this.#loss !== undefined && { loss: this.#loss }),
      ...(rates && {
        samplesPerSecond: rates.samplesPerSecond,
        secondsLeft: rates.secondsPerStep * (this.#total - this.#step),
      }),
    };
  }

  #draw(now: number): void {
    this.#drawnAt = now;
    // One column less: writing in the last one makes some terminals wrap.
    const line = formatStatus(this.status(), { width: (this.#stream.columns || 80) - 1 });
    this.#erase();
    this.#stream.write(this.#bold ? line.replace(/^step \S+/, '\x1b[1m$&\x1b[22m') : line);
    this.#shown = true;
  }

  #erase(): void {
    if (this.#shown) this.#stream.write('\r\x1b[2K');
    this.#shown = false;
  }
}
