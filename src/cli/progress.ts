import { descriptionLines, printable } from '../data/index.ts';
import { evalLines } from '../evaluate/index.ts';
import { formatCount } from '../io/human.ts';
import type { TrainEvent, TrainResult } from '../train.ts';
import { LiveLine, type TerminalOptions } from './terminal/live-line.ts';
import { StatusLine } from './terminal/status-line.ts';

type Event<Type extends TrainEvent['type']> = TrainEvent & { type: Type };
type Problems = TrainResult['skipped'];

/** The count of skipped samples and the first reasons; empty without any. */
export function skippedLines({ count, first }: Problems): string[] {
  if (count === 0) return [];
  const named = first.map(({ name, reason }) => `  ${printable(name)}: ${printable(reason)}`);
  return [`skipped ${count} ${count === 1 ? 'sample' : 'samples'}${named.length > 0 ? ':' : ''}`, ...named];
}

/** Rounds an estimate; undefined while there is none. */
export function stepsInWords(totalSteps: number): string | undefined {
  if (Number.isInteger(totalSteps)) return `${totalSteps}`;
  return Number.isFinite(totalSteps) ? `about ${Math.round(totalSteps)}` : undefined;
}

function compressionLine({ step, compression: { tokenDropout, patchSize } }: Event<'compression'>): string {
  return `step ${step}: compression moves to dropout ${tokenDropout}, patch ${patchSize}`;
}

export class Progress {
  readonly #options: TerminalOptions;
  readonly #lineBeforeStart: LiveLine;
  #line: StatusLine | undefined;
  #step = 0;

  constructor(options: TerminalOptions = {}) {
    this.#options = options;
    this.#lineBeforeStart = new LiveLine(options);
  }

  show(event: TrainEvent): void {
    if (event.type === 'holding') this.#hold(event);
    else if (event.type === 'start') this.#start(event);
    else if (event.type === 'log') this.#log(event);
    else if (event.type === 'compression') this.say(compressionLine(event));
    else if (event.type === 'saved') this.say(`saved ${event.path}`);
    else if (event.type === 'warning') this.say(`warning: ${event.message}`);
    else for (const text of evalLines(event.report)) this.say(`step ${event.step}: ${text}`);
  }

  /** Prints a permanent line. */
  say(text: string): void {
    if (this.#line) this.#line.print(text);
    else this.#lineBeforeStart.print(text);
  }

  end(): void {
    this.#lineBeforeStart.erase();
    this.#line?.finish();
    this.#line = undefined;
  }

  #hold({ done, total, encodes }: Event<'holding'>): void {
    const [doing, what] = encodes ? ['encoding', encodes] : ['decoding', 'pictures'];
    if (this.#lineBeforeStart.isDue) this.#lineBeforeStart.draw(`${doing} ${what} ${done}/${total}`);
    else if (!this.#lineBeforeStart.isLive && done === 0) this.say(`${doing} ${total} ${what}`);
  }

  #start({ step, totalSteps, facts }: Event<'start'>): void {
    const { runDir, parameters, device, precision, samples, skipped, data, weights = [] } = facts;
    const size = `${formatCount(parameters)} parameters on ${device} in ${precision}`;
    const end = stepsInWords(totalSteps) ?? 'the end of its budget';
    const steps = step > 0 || end !== `${totalSteps}` ? `from step ${step} to ${end}` : `${end} steps`;
    this.say(`${runDir}: ${size}, ${samples} samples, ${steps}`);
    for (const text of [...weights, ...descriptionLines(data)]) this.say(text);
    for (const text of skippedLines(skipped)) this.say(text);
    this.#step = step;
    this.#line = new StatusLine({ totalSteps, startStep: step, ...this.#options });
  }

  /** The event counts samples from the start of the run, the status line from the last event. */
  #log({ row, samples, totalSteps }: Event<'log'>): void {
    const step = row.step!;
    this.#line?.expect(Math.round(totalSteps));
    this.#line?.tick(step, { samples: ((step - this.#step) * samples) / step });
    this.#line?.log({ loss: row['train/loss']! });
    this.#step = step;
  }
}
