export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface TerminalOptions {
  readonly stream?: TerminalStream;
  /** Monotonic clock in seconds. */
  readonly now?: () => number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const REDRAW_SECONDS = 0.1;

/** A line that is redrawn in place on a terminal. Elsewhere (a file, CI, `TERM=dumb`) only permanent lines are printed. */
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

  /** One less than the columns, because some terminals wrap after the last one. */
  get width(): number {
    return (this.#stream.columns || 80) - 1;
  }

  get isDue(): boolean {
    return this.isLive && this.#now() - this.#drawnAt >= REDRAW_SECONDS;
  }

  /** Replaces the line now; does nothing without a terminal. */
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

  /** Prints a permanent line in place of the live one. */
  print(text: string): void {
    this.erase();
    this.#stream.write(`${text}\n`);
  }

  erase(): void {
    if (this.#isShown) this.#stream.write('\r\x1b[2K');
    this.#isShown = false;
  }

  /** Makes the live line permanent. */
  keep(): void {
    if (this.#isShown) this.#stream.write('\n');
    this.#isShown = false;
  }
}

export const secondsNow = (): number => performance.now() / 1000;
