/**
 * Expands `{000..012}` (leading zeros kept) and `{a,b}`, outermost first, as bash does: `x-{0..1}-{a,b}` gives four names.
 */
export function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf('{');
  const close = open < 0 ? -1 : closing(pattern, open);
  if (close < 0) return [pattern];
  const head = pattern.slice(0, open);
  const tails = expandBraces(pattern.slice(close + 1));
  const middles = alternatives(pattern.slice(open + 1, close));
  return middles.flatMap((middle) => tails.map((tail) => head + middle + tail));
}

function closing(pattern: string, open: number): number {
  let depth = 0;
  for (let at = open; at < pattern.length; at++) {
    if (pattern[at] === '{') depth++;
    if (pattern[at] === '}' && --depth === 0) return at;
  }
  return -1;
}

function alternatives(body: string): string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(body);
  if (range) return numbers(range[1]!, range[2]!);
  const parts = splitTop(body);
  return parts.length === 1 ? expandBraces(body).map((text) => `{${text}}`) : parts.flatMap(expandBraces);
}

function numbers(first: string, last: string): string[] {
  const padded = first.length > 1 && first.startsWith('0') ? first.length : 0;
  const from = Number(first);
  const to = Number(last);
  const step = from <= to ? 1 : -1;
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, k) =>
    String(from + k * step).padStart(padded, '0'),
  );
}

/** Splits at commas that are not inside inner braces. */
function splitTop(body: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of body) {
    if (char === '{') depth++;
    if (char === '}') depth--;
    if (char === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}
