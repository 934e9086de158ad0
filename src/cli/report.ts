function cell(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(4);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return String(value);
}

/** `[name, text]` of each value; the name of a nested one is `cuda/devices`. */
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
