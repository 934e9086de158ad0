import type { Analysis, AnalyzeEvent } from '../analysis/index.ts';
import { formatCount, formatDuration } from '../io/human.ts';
import { LiveLine, type TerminalOptions } from './terminal/live-line.ts';

type Event<Type extends AnalyzeEvent['type']> = AnalyzeEvent & { type: Type };

export class AnalysisProgress {
  readonly #line: LiveLine;
  #secondsLeft: number | undefined;

  constructor(options: TerminalOptions = {}) {
    this.#line = new LiveLine(options);
  }

  show(event: AnalyzeEvent): void {
    if (event.type === 'start') this.#start(event);
    else if (event.type === 'batch') this.#batch(event);
    else if (event.type === 'pass') this.#pass(event);
    else this.say(`warning: ${event.message}`);
  }

  /** Prints a permanent line. */
  say(text: string): void {
    this.#line.print(text);
  }

  end(): void {
    this.#line.erase();
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
    const percents = snapshots.map(({ share }) => `${Math.round(share * 100)}`).join(', ');
    this.say(
      `${grid.length} compressions at ${percents} %, ${samples} samples in sub-batches of ${subBatch}`,
    );
    const all = snapshots.length * (grid.length + 1); // plus the control
    if (left < all) this.say(`${all - left} of ${all} passes are done already`);
  }

  #batch({ share, candidate, done, secondsLeft }: Event<'batch'>): void {
    this.#secondsLeft = secondsLeft;
    if (!this.#line.isDue) return;
    const text = `${percentOf(done)}  at ${percentOf(share)}: ${nameOf(candidate)}  ${formatDuration(secondsLeft)} left`;
    this.#line.draw(text);
  }

  #pass({ share, candidate, kind, seconds, left }: Event<'pass'>): void {
    const passName = kind === 'control' ? 'control, other samples' : nameOf(candidate);
    const time =
      this.#secondsLeft === undefined || left === 0 ? '' : `, ${formatDuration(this.#secondsLeft)} left`;
    this.say(`${percentOf(share)}  ${passName}  ${formatDuration(seconds)}${time}`);
  }
}

const percentOf = (share: number) => `${String(Math.floor(100 * share + 1e-9)).padStart(3)} %`;
const nameOf = ({ tokenDropout, patchSize }: { tokenDropout: number; patchSize: number }) =>
  `dropout ${tokenDropout}, patch ${patchSize}`;
