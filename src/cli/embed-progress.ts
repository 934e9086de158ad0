import type { EmbedEvent, EmbedResult } from '../embed/index.ts';
import { formatCount, formatDuration } from '../io/human.ts';
import { skippedLines } from './progress.ts';
import { LiveLine, secondsNow, type TerminalOptions } from './terminal/live-line.ts';
import { Pace } from './terminal/status-line.ts';

/** Seconds between two lines without a terminal. */
const LINE_SECONDS = 30;

export class EmbedProgress {
  readonly #line: LiveLine;
  readonly #now: () => number;
  readonly #pace = new Pace({ windowSteps: 20_000 });
  #printedAt = 0;

  constructor(options: TerminalOptions = {}) {
    this.#line = new LiveLine(options);
    this.#now = options.now ?? secondsNow;
  }

  show(event: EmbedEvent): void {
    const { samples, done } = event;
    this.#pace.mark(done, { seconds: this.#now(), samples: done });
    if (event.type === 'start') {
      const before = done > 0 ? `, ${done} of them are done already` : '';
      this.say(`embedding ${samples} pictures on ${event.device} in ${event.precision}${before}`);
      this.#printedAt = this.#now();
      return;
    }
    if (this.#line.isDue) this.#line.draw(this.#text(event));
    else if (!this.#line.isLive && this.#now() - this.#printedAt >= LINE_SECONDS) {
      this.#printedAt = this.#now();
      this.say(this.#text(event));
    }
  }

  done({ out, rows, skipped }: EmbedResult): void {
    this.#line.erase();
    for (const text of skippedLines(skipped)) this.say(text);
    this.say(`done: ${out}, ${rows} rows`);
  }

  /** Prints a permanent line. */
  say(text: string): void {
    this.#line.print(text);
  }

  end(): void {
    this.#line.erase();
  }

  #text({ samples, done }: EmbedEvent): string {
    const rates = this.#pace.rates();
    const percent = `${String(Math.floor((100 * done) / samples)).padStart(3)} %`;
    if (!rates) return `${done}/${samples} ${percent}`;
    const left = formatDuration(rates.secondsPerStep * (samples - done));
    return `${done}/${samples} ${percent}  ${formatCount(rates.samplesPerSecond)} pictures/s  ${left} left`;
  }
}
