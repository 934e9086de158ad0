import type { StatusLineOptions } from './status-line.ts';

const REDRAW_SECONDS = 0.1;

/** One line of text that is replaced on a terminal, for what has no steps. */
export class LiveText {
  readonly #stream: NonNullable<StatusLineOptions['stream']>;
  readonly #now: () => number;
  readonly #live: boolean;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #shown = false;

  constructor({ stream = process.stderr, now, env = process.env }: Omit<StatusLineOptions, 'totalSteps'>) {
    this.#stream = stream;
    this.#now = now ?? (() => performance.now() / 1000);
    this.#live = stream.isTTY === true && env.TERM !== 'dumb' && !env.CI;
  }

  /** Replaces the line, at most ten times a second. Where there is no terminal, `elsewhere` is a line that stays. */
  draw(text: string, { elsewhere }: { elsewhere?: string | undefined } = {}): void {
    if (!this.#live) {
      if (elsewhere !== undefined) this.#stream.write(`${elsewhere}\n`);
      return;
    }
    const now = this.#now();
    if (now - this.#drawnAt < REDRAW_SECONDS) return;
    this.#drawnAt = now;
    this.erase();
    this.#stream.write(text.slice(0, (this.#stream.columns || 80) - 1));
    this.#shown = true;
  }

  /** A line that stays, in the place of the live one. */
  print(text: string): void {
    this.erase();
    this.#stream.write(`${text}\n`);
  }

  erase(): void {
    if (this.#shown) this.#stream.write('\r\x1b[2K');
    this.#shown = false;
  }
}
