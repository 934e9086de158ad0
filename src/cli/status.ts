/** What a training run tells while it runs. */
export type RunEvent =
  /** One log step; rates and times are of the whole run, over all ranks. */
  | {
      type: 'step';
      step: number;
      totalSteps: number;
      loss: number;
      samplesPerSecond: number;
      secondsLeft: number;
      /** Samples that could not be read so far. */
      badSamples?: number;
    }
  /** Something that happened once, in a sentence: a checkpoint, an evaluation, where the run is saved. */
  | { type: 'message'; text: string };

/** `45s`, `4m 05s`, `2h 07m`, `3d 04h`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86400)}d ${two(Math.floor((whole % 86400) / 3600))}h`;
}

/** Three significant digits or the whole number: `8.12`, `81.2`, `1234`. */
export function formatRate(rate: number): string {
  return rate >= 100 ? String(Math.round(rate)) : rate.toPrecision(3);
}

/** One line about a step: `step  120/1000  loss 3.2140  812 samples/s  4m 10s left`. */
export function statusLine(event: RunEvent & { type: 'step' }): string {
  const total = String(event.totalSteps);
  const parts = [
    `step ${String(event.step).padStart(total.length)}/${total}`,
    `loss ${event.loss.toFixed(4)}`,
    `${formatRate(event.samplesPerSecond)} samples/s`,
    `${formatSeconds(event.secondsLeft)} left`,
  ];
  if (event.badSamples) parts.push(`${event.badSamples} bad samples`);
  return parts.join('  ');
}

/** Where the status goes: the few members of a terminal's stream that are used. */
export interface Screen {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** Shows a run: one line that renews itself on a terminal, plain lines elsewhere. */
export class Status {
  readonly #screen: Screen;
  #shown = '';

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(event: RunEvent): void {
    if (event.type === 'message') this.say(event.text);
    else if (this.#screen.isTTY) this.#renew(statusLine(event));
    else this.#screen.write(`${statusLine(event)}\n`);
  }

  /** A line that stays, above the live one. */
  say(text: string): void {
    const live = this.#shown;
    this.#renew('');
    this.#screen.write(`${text}\n`);
    if (live) this.#renew(live);
  }

  /** Leaves the last status standing. */
  end(): void {
    if (this.#shown) this.#screen.write('\n');
    this.#shown = '';
  }

  #renew(text: string): void {
    if (text === this.#shown) return;
    const line = text.slice(0, (this.#screen.columns ?? 80) - 1); // a full line would wrap, and could not be taken back
    this.#screen.write(`\r\x1b[K${line}`);
    this.#shown = text;
  }
}
