type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [key: string]: Json };

function cell(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(4);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return String(value);
}

/** `[path, text]` of every leaf that is there: `zero_shot/top1`. */
function rows(value: unknown, path: readonly string[] = []): [string, string][] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return [[path.join('/'), cell(value)]];
  return Object.entries(value).flatMap(([key, inner]) => rows(inner, [...path, key]));
}

/** A report as a table of two columns, names and values. */
export function formatReport(report: object): string {
  const table = rows(report as Json);
  const width = Math.max(0, ...table.map(([name]) => name.length));
  return table.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
}
