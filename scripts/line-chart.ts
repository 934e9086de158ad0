export interface Curve {
  name: string;
  points: { x: number; y: number }[];
}

const WIDTH = 760;
const HEIGHT = 420;
const EDGE = { left: 62, top: 24, bottom: 46 };
/** Widths in the key: of a letter, roughly, and of the dash before the name. */
const LETTER = 7;
const KEY_DASH = 56;
/** Colours and dashes: either tells curves apart. */
const STYLES = [
  ['#0072b2', ''],
  ['#d55e00', '8 4'],
  ['#009e73', '2 3'],
  ['#cc79a7', '10 3 2 3'],
  ['#56b4e9', '5 2'],
  ['#e69f00', '1 2'],
  ['#000000', '12 4'],
  ['#999999', '4 4'],
];

export const numberLabel = (value: number): string => String(Number(value.toPrecision(6)));

/** Labels of an axis of samples: `0`, `200 k`, `3 M`. */
export function samplesLabel(samples: number): string {
  if (samples >= 1e6) return `${numberLabel(samples / 1e6)} M`;
  return samples === 0 ? '0' : `${numberLabel(samples / 1000)} k`;
}

/** About six round values from at most `from` to at least `to`. */
export function ticks(from: number, to: number): number[] {
  const least = (to - from || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= least * (1 - 1e-9))!;
  const first = Math.floor(from / step + 1e-9);
  const last = Math.ceil(to / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** An SVG with the key on the right. The vertical axis begins at `from` or a round value below. */
export function lineChart(
  curves: readonly Curve[],
  options: {
    metric: string;
    over?: string;
    from: number;
    formatX: (x: number) => string;
    formatY: (y: number) => string;
  },
): string {
  const { metric, over = 'samples seen', from, formatX, formatY } = options;
  const all = curves.flatMap(({ points }) => points);
  const whole = all.reduce((most, { x }) => Math.max(most, x), 0);
  const high = all.reduce((most, { y }) => Math.max(most, y), from);
  const [xTicks, yTicks] = [ticks(0, whole).filter((x) => x <= whole * 1.001), ticks(from, high)];
  const [bottom, top] = [yTicks[0], yTicks.at(-1)!];
  const right = WIDTH - KEY_DASH - LETTER * Math.max(...curves.map(({ name }) => name.length));
  const toX = (x: number) => EDGE.left + (x / whole) * (right - EDGE.left);
  const toY = (y: number) =>
    HEIGHT - EDGE.bottom - ((y - bottom) / (top - bottom)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const grid = [
    ...yTicks.map((value) => {
      const y = toY(value).toFixed(1);
      return `<line x1="${EDGE.left}" x2="${right}" y1="${y}" y2="${y}" stroke="#ddd"/><text x="${EDGE.left - 6}" y="${Number(y) + 4}" text-anchor="end">${formatY(value)}</text>`;
    }),
    ...xTicks.map(
      (value) =>
        `<text x="${toX(value).toFixed(1)}" y="${HEIGHT - 24}" text-anchor="middle">${formatX(value)}</text>`,
    ),
  ];
  const lines = curves.map(({ name, points }, i) => {
    const [colour, dash] = STYLES[i % STYLES.length];
    const stroke = `stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"`;
    const path = points
      .map(({ x, y }, k) => `${k ? 'L' : 'M'}${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`)
      .join('');
    const [left, y] = [right + 12, EDGE.top + 12 + 20 * i];
    return `<path d="${path}" fill="none" ${stroke}/><line x1="${left}" x2="${left + 26}" y1="${y - 4}" y2="${y - 4}" ${stroke}/><text x="${left + 32}" y="${y}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13"><title>${metric} over ${over}</title><rect width="100%" height="100%" fill="white"/>
${grid.join('\n')}
<text x="${EDGE.left}" y="14">${metric}</text><text x="${(right + EDGE.left) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${over}</text>
${lines.join('\n')}
</svg>
`;
}
