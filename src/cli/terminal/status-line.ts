import { formatCount, formatDuration, formatLoss } from '../../io/human.ts';
import { LiveLine, secondsNow, type TerminalOptions } from './live-line.ts';

export interface Status {
  /** Steps done. */
  readonly step: number;
  readonly totalSteps: number;
  readonly loss?: number;
  /** Of all ranks. */
  readonly samplesPerSecond?: number;
  readonly elapsedSeconds: number;
  readonly secondsLeft?: number;
}

/** Drops the last parts until the line fits into `width` characters. */
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

/** Speed over the last `windowSteps` steps, so that a slow start or a pause does not count for long. */
export class Pace {
  readonly #windowSteps: number;
  readonly #marks: { step: number; seconds: number; samples: number }[] = [];

  constructor({ windowSteps = 100 }: { windowSteps?: number } = {}) {
    this.#windowSteps = windowSteps;
  }

  /** Totals at a time in seconds. */
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
  /** Steps done before a resume. */
  readonly startStep?: number;
}

/** A live line on a terminal; elsewhere a line for each `log`. */
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

  /** Call after each step, with its samples on all ranks. */
  tick(step: number, { samples }: { samples: number }): void {
    this.#step = step;
    this.#samples += samples;
    this.#pace.mark(step, { seconds: this.#now(), samples: this.#samples });
    if (this.#line.isDue) this.#draw();
  }

  /** Corrects the estimate of a budget in seconds. */
  expect(totalSteps: number): void {
    this.#total = totalSteps;
  }

  /** Call on log steps. */
  log({ loss }: { loss: number }): void {
    this.#loss = loss;
    if (this.#line.isLive) this.#draw();
    else this.#line.print(formatStatus(this.status()));
  }

  /** Prints a permanent line above the live one. */
  print(text: string): void {
    this.#line.print(text);
    this.#draw();
  }

  finish(): void {
    this.#draw();
    this.#line.keep();
  }

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
