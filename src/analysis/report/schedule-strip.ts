import type { ScheduleResult } from '../schedule-rule.ts';
import { element, FAINT, moved, percent, picture, shade, short, text } from './svg.ts';

const LEFT = 190;
const WIDTH = 720;
const RIGHT = 150;
const LANE = 46;
const HEAD = 74;

export interface NamedSchedule {
  name: string;
  note?: string;
  result: ScheduleResult;
}

/** A lane for each schedule, from the start of a run to its end. Darker pieces are shorter sequences. */
export function scheduleStrip(list: readonly NamedSchedule[], costOf: (stage: Stage) => number): string {
  const title = 'The schedule over a run';
  const size = { width: LEFT + WIDTH + RIGHT, height: HEAD + list.length * LANE + 34 };
  const lanes = list.map((schedule, i) => moved(0, HEAD + i * LANE, lane(schedule, costOf)));
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((at) =>
    text(percent(at), {
      x: LEFT + at * WIDTH,
      y: HEAD + list.length * LANE + 16,
      'text-anchor': 'middle',
      fill: FAINT,
    }),
  );
  return picture(
    { ...size, title },
    text(title, { x: 10, y: 20, 'font-size': 15, 'font-weight': 600 }),
    text(
      'd: share of tokens dropped; q: side of a patch in pixels; below: share of the budget that is spent. Darker: shorter sequences.',
      {
        x: 10,
        y: 38,
        fill: FAINT,
        'font-size': 11.5,
      },
    ),
    text('mean cost', { x: LEFT + WIDTH + 16, y: HEAD - 8, fill: FAINT, 'font-size': 11 }),
    ...lanes,
    ...ticks,
  );
}

type Stage = ScheduleResult['file']['stages'][number];

function lane({ name, note, result }: NamedSchedule, costOf: (stage: Stage) => number): string {
  const { stages } = result.file;
  const pieces = stages.map((stage, i) => {
    const [from, to] = [stage.from, stages[i + 1]?.from ?? 1];
    const x = LEFT + from * WIDTH;
    const width = (to - from) * WIDTH;
    const { fill, ink } = shade(0.85 * (1 - costOf(stage) / result.wholeCost));
    const words = { x: x + width / 2, 'text-anchor': 'middle', fill: ink, 'font-size': width < 60 ? 10 : 12 };
    return element(
      'g',
      {},
      element(
        'title',
        {},
        `from ${percent(from)} to ${percent(to)}: d ${stage.tokenDropout}, q ${stage.patchSize}`,
      ),
      element('rect', {
        x: x + 0.75,
        y: 0.75,
        width: width - 1.5,
        height: LANE - 9,
        rx: 3,
        fill,
        stroke: '#9aa7b3',
      }),
      text(`d ${stage.tokenDropout}`, { ...words, y: 16 }),
      text(`q ${stage.patchSize}`, { ...words, y: 30 }),
    );
  });
  return [
    text(name, { x: 10, y: note ? 17 : 24, 'font-weight': 600 }),
    ...(note ? [text(note, { x: 10, y: 32, fill: FAINT, 'font-size': 11 })] : []),
    ...pieces,
    text(`${short(result.meanCost)} of ${short(result.wholeCost)}`, { x: LEFT + WIDTH + 16, y: 17 }),
    text(`${short(result.wholeCost / result.meanCost)} × the samples`, {
      x: LEFT + WIDTH + 16,
      y: 32,
      fill: FAINT,
      'font-size': 11,
    }),
  ].join('');
}
