import type { Analysis, AnalyzeEvent } from '../analysis/index.ts';
import { formatCount, formatDuration } from '../io/human.ts';
import type { StatusStream } from '../io/status-line.ts';

type Event<Type extends AnalyzeEvent['type']> = AnalyzeEvent & { type: Type };

const REDRAW_SECONDS = 0.2;

/** Shows an analysis: a live line on a terminal, and a line for each pass. */
export class AnalysisProgress {
  readonly #stream: StatusStream;
  readonly #live: boolean;
  readonly #now: () => number;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #shown = false;
  #secondsLeft: number | undefined;

  constructor({
    stream = process.stderr,
    env = process.env,
    now = () => performance.now() / 1000,
  }: {
    stream?: StatusStream;
    env?: Readonly<Record<string, string | undefined>>;
    now?: () => number;
  } = {}) {
    this.#stream = stream;
    this.#live = stream.isTTY === true && env.TERM !== 'dumb' && !env.CI;
    this.#now = now;
  }

  show(event: AnalyzeEvent): void {
    if (event.type === 'start') this.#start(event);
    else if (event.type === 'batch') this.#batch(event);
    else if (event.type === 'pass') this.#pass(event);
    else this.say(`warning: ${event.message}`);
  }

  /** Writes a line that stays. */
  say(text: string): void {
    this.end();
    this.#stream.write(`${text}\n`);
  }

  /** Removes the live line. */
  end(): void {
    if (this.#shown) this.#stream.write('\r\x1b[K');
    this.#shown = false;
  }

  done({ cost, run }: Analysis, { out, report }: { out: string; report: string }): void {
    const percent = (100 * cost.seconds) / run.seconds;
    const share = run.seconds > 0 ? `, ${percent.toFixed(percent < 10 ? 1 : 0)} % of the run's time` : '';
    this.say(`done: ${out}, ${report}`);
    this.say(`cost: ${formatDuration(cost.seconds)}, ${formatCount(cost.forwards)} forwards${share}`);
    this.say(`the schedule that follows: couplet schedule ${out}`);
  }

  #start({ snapshots, settings, left }: Event<'start'>): void {
    const { samples, subBatch, grid } = settings;
    const at = snapshots.map(({ share }) => `${Math.round(share * 100)}`).join(', ');
    this.say(`${grid.length} compressions at ${at} %, ${samples} samples in sub-batches of ${subBatch}`);
    const all = snapshots.length * (grid.length + 1); // the control too
    if (left < all) this.say(`${all - left} of ${all} passes are done already`);
  }

  #batch({ share, candidate, done, secondsLeft }: Event<'batch'>): void {
    this.#secondsLeft = secondsLeft;
    const now = this.#now();
    if (!this.#live || now - this.#drawnAt < REDRAW_SECONDS) return;
    this.#drawnAt = now;
    this.#shown = true;
    const text = `${percentOf(done)}  at ${percentOf(share)}: ${nameOf(candidate)}  ${formatDuration(secondsLeft)} left`;
    this.#stream.write(`\r\x1b[K${text.slice(0, (this.#stream.columns || 80) - 1)}`);
  }

  #pass({ share, candidate, kind, seconds, left }: Event<'pass'>): void {
    const what = kind === 'control' ? 'control, other samples' : nameOf(candidate);
    const time =
      this.#secondsLeft === undefined || left === 0 ? '' : `, ${formatDuration(this.#secondsLeft)} left`;
    this.say(`${percentOf(share)}  ${what}  ${formatDuration(seconds)}${time}`);
  }
}

const percentOf = (share: number) => `${String(Math.floor(100 * share + 1e-9)).padStart(3)} %`;
const nameOf = ({ tokenDropout, patchSize }: { tokenDropout: number; patchSize: number }) =>
  `dropout ${tokenDropout}, patch ${patchSize}`;
