/** The part of a stream that is used: `process.stderr`, or a test's. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface TerminalOptions {
  readonly stream?: TerminalStream;
  /** A monotonic clock, in seconds. */
  readonly now?: () => number;
  /** `NO_COLOR`, `TERM` and `CI` are read. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const REDRAW_SECONDS = 0.1;

/** A line that is redrawn in place on a terminal. Elsewhere (a file, CI, `TERM=dumb`) only lines that stay are written. */
export class LiveLine {
  readonly isLive: boolean;
  readonly #stream: TerminalStream;
  readonly #now: () => number;
  readonly #hasColor: boolean;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor({ stream = process.stderr, now = secondsNow, env = process.env }: TerminalOptions = {}) {
    this.#stream = stream;
    this.#now = now;
    this.isLive = stream.isTTY === true && env.TERM !== 'dumb' && !env.CI;
    this.#hasColor = this.isLive && !env.NO_COLOR;
  }

  /** Characters that fit: one less than the columns, because some terminals wrap after the last one. */
  get width(): number {
    return (this.#stream.columns || 80) - 1;
  }

  /** Whether the last drawing is a tenth of a second old. */
  get isDue(): boolean {
    return this.isLive && this.#now() - this.#drawnAt >= REDRAW_SECONDS;
  }

  /** Replaces the line, at once; `bold` is the part that stands out. Does nothing without a terminal. */
  draw(text: string, { bold = /^$/ }: { bold?: RegExp } = {}): void {
    if (!this.isLive) return;
    this.#drawnAt = this.#now();
    this.erase();
    const line = text.slice(0, this.width);
    this.#stream.write(
      this.#hasColor ? line.replace(bold, (part) => part && `\x1b[1m${part}\x1b[22m`) : line,
    );
    this.#isShown = true;
  }

  /** Writes a line that stays, in the place of the live one. */
  print(text: string): void {
    this.erase();
    this.#stream.write(`${text}\n`);
  }

  erase(): void {
    if (this.#isShown) this.#stream.write('\r\x1b[2K');
    this.#isShown = false;
  }

  /** Leaves the line on the screen and goes to the next. */
  keep(): void {
    if (this.#isShown) this.#stream.write('\n');
    this.#isShown = false;
  }
}

export const secondsNow = (): number => performance.now() / 1000;
