import type { EvalReport } from '../evaluate/metrics.ts';

type Measured = NonNullable<EvalReport['zeroShot']>;

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

export function evalLines(report: EvalReport): string[] {
  const { zeroShot, neighbours, linear, fineTune, retrieval, skipped } = report;
  const lines: string[] = [];
  if (zeroShot) lines.push(accuracyLine('zero-shot', zeroShot));
  if (neighbours)
    lines.push(accuracyLine('k-nn', neighbours, `${neighbours.k} of ${neighbours.reference} neighbours`));
  if (linear) lines.push(accuracyLine('linear', linear, `rate ${linear.rate}, ${linear.epochs} epochs`));
  if (fineTune) lines.push(accuracyLine('fine-tuned', fineTune, `${fineTune.epochs} epochs`));
  if (retrieval) {
    const recalls = { 'image to text': retrieval.imageToText, 'text to image': retrieval.textToImage };
    for (const [way, { r1, r5, r10 }] of Object.entries(recalls)) {
      lines.push(
        `${way}  R@1 ${percent(r1)}  R@5 ${percent(r5)}  R@10 ${percent(r10)}  (${retrieval.pairs} pairs)`,
      );
    }
  }
  if (skipped > 0) lines.push(`${skipped} samples could not be read`);
  return lines;
}

function accuracyLine(name: string, measured: Measured, how?: string): string {
  const { top1, top5, pictures, classes } = measured;
  const facts = [`${pictures} pictures`, `${classes} classes`, ...(how ? [how] : [])].join(', ');
  return `${name.padEnd(13)}  top-1 ${percent(top1)}  top-5 ${percent(top5)}  (${facts})`;
}

function cell(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(4);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return String(value);
}

/** `[name, text]` of every value; the name of a nested one is `cuda/devices`. */
function rows(value: unknown, path: readonly string[] = []): [string, string][] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return [[path.join('/'), cell(value)]];
  return Object.entries(value).flatMap(([key, inner]) => rows(inner, [...path, key]));
}

export function formatTable(report: object): string {
  const table = rows(report);
  const width = Math.max(0, ...table.map(([name]) => name.length));
  return table.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
}
