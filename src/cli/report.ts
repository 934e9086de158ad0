import type { EvalReport } from '../evaluate/evaluate.ts';

/** A share as a person reads it: `71.23 %`. */
const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

/** An evaluation, a line for each number that people compare. */
export function evalLines({ zeroShot, retrieval, skipped }: EvalReport): string[] {
  const lines: string[] = [];
  if (zeroShot) {
    const { pictures, classes, top1, top5 } = zeroShot;
    lines.push(
      `zero-shot      top-1 ${percent(top1)}  top-5 ${percent(top5)}  (${pictures} pictures, ${classes} classes)`,
    );
  }
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

function cell(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(4);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return String(value);
}

/** `[name, text]` of every value that is there; a nested one is named `cuda/devices`. */
function rows(value: unknown, path: readonly string[] = []): [string, string][] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return [[path.join('/'), cell(value)]];
  return Object.entries(value).flatMap(([key, inner]) => rows(inner, [...path, key]));
}

/** Any report as a table of names and values. */
export function formatTable(report: object): string {
  const table = rows(report);
  const width = Math.max(0, ...table.map(([name]) => name.length));
  return table.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
}
