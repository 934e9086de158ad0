import { formatCount, formatDuration, formatLoss } from '../../io/human.ts';
import { LiveLine, secondsNow, type TerminalOptions } from './live-line.ts';

/** The numbers of a status line. */
export interface Status {
  /** Steps done of `totalSteps`. */
  readonly step: number;
  readonly totalSteps: number;
  readonly loss?: number;
  /** Of all ranks. */
  readonly samplesPerSecond?: number;
  readonly elapsedSeconds: number;
  /** Left out while it is unknown. */
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

/** The speed over the last `windowSteps` steps, so that a slow start or a pause is forgotten. */
export class Pace {
  readonly #windowSteps: number;
  readonly #marks: { step: number; seconds: number; samples: number }[] = [];

  constructor({ windowSteps = 100 }: { windowSteps?: number } = {}) {
    this.#windowSteps = windowSteps;
  }

  /** Notes that `step` steps and `samples` samples were done at `seconds`. */
  mark(step: number, { seconds, samples }: { seconds: number; samples: number }): void {
    this.#marks.push({ step, seconds, samples });
    while (this.#marks.length > 2 && step - (this.#marks[1]?.step as number) >= this.#windowSteps)
      this.#marks.shift();
  }

  /** Undefined until two marks differ in step and time. */
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

export interface StatusLineOptions extends TerminalOptions {
  readonly totalSteps: number;
  /** Steps done before this process, on resume. */
  readonly startStep?: number;
}

/** The state of a run as a live line on a terminal; elsewhere a line for each `log`. */
export class StatusLine {
  readonly #line: LiveLine;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #pace = new Pace();
  #total: number;
  #step: number;
  #samples = 0;
  #loss: number | undefined;

  constructor({ totalSteps, startStep = 0, ...terminal }: StatusLineOptions) {
    this.#total = totalSteps;
    this.#step = startStep;
    this.#line = new LiveLine(terminal);
    this.#now = terminal.now ?? secondsNow;
    this.#startedAt = this.#now();
    this.#pace.mark(startStep, { seconds: this.#startedAt, samples: 0 });
  }

  /** After each step: `samples` are those of this step, of all ranks. */
  tick(step: number, { samples }: { samples: number }): void {
    this.#step = step;
    this.#samples += samples;
    this.#pace.mark(step, { seconds: this.#now(), samples: this.#samples });
    if (this.#line.isDue) this.#draw();
  }

  /** A better estimate of the number of steps, where the budget is in seconds. */
  expect(totalSteps: number): void {
    this.#total = totalSteps;
  }

  /** On log steps, when the loss is known. */
  log({ loss }: { loss: number }): void {
    this.#loss = loss;
    if (this.#line.isLive) this.#draw();
    else this.#line.print(formatStatus(this.status()));
  }

  /** Writes a line that stays, above the live one. */
  print(text: string): void {
    this.#line.print(text);
    this.#draw();
  }

  /** Leaves the last state on the screen. */
  finish(): void {
    this.#draw();
    this.#line.keep();
  }

  /** The numbers that the line shows. */
  status(): Status {
    const rates = this.#pace.rates();
    return {
      step: this.#step,
      totalSteps: this.#total,
      elapsedSeconds: this.#now() - this.#startedAt,
      ...(this.#loss !== undefined && { loss: this.#loss }),
      ...(rates && {
        samplesPerSecond: rates.samplesPerSecond,
        secondsLeft: rates.secondsPerStep * (this.#total - this.#step),
      }),
    };
  }

  #draw(): void {
    this.#line.draw(formatStatus(this.status(), { width: this.#line.width }), { bold: /^step \S+/ });
  }
}
