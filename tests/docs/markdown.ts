// What the tests of docs/ read out of Markdown.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const page = (name: string): string => readFileSync(join(ROOT, 'docs', name), 'utf8');

/** The blocks of one language, without their fences. */
export function blocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, kind]) => kind === language)
    .map(([, , body]) => body);
}

/** The cells of a page's tables, without heads. */
export function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}
