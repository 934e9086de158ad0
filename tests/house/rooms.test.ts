// Imports go one way: no two rooms of src/ reach each other, types counted. A room is a folder of src/, a folder of src/data/, or a loose file.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const files = (readdirSync(SRC, { recursive: true }) as string[]).filter(
  (file) => /\.c?ts$/.test(file) && !file.endsWith('.test.ts'),
);

/** `methods`, `data/dataset`, `train.ts`. */
function roomOf(file: string): string {
  const parts = file.split('/');
  return parts.slice(0, parts[0] === 'data' ? 2 : 1).join('/');
}

/** The files that a file of src/ names in imports, exports from and import(). */
function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) =>
    normalize(join(dirname(file), path)),
  );
}

/** For each room, the rooms that it imports, with an import that shows it. */
function edges(): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  for (const file of files) {
    for (const target of importsOf(file)) {
      const [from, to] = [roomOf(file), roomOf(target)];
      if (from === to) continue;
      if (!found.has(from)) found.set(from, new Map());
      found.get(from)!.set(to, `${file} -> ${target}`);
    }
  }
  return found;
}

/** A way from a room back to itself, as the imports along it. */
function circleThrough(start: string, graph: Map<string, Map<string, string>>): string[] | undefined {
  const queue = [{ room: start, way: [] as string[] }];
  const seen = new Set<string>();
  for (const { room, way } of queue) {
    for (const [next, shown] of graph.get(room) ?? []) {
      if (next === start) return [...way, shown];
      if (!seen.has(next)) queue.push({ room: next, way: [...way, shown] });
      seen.add(next);
    }
  }
  return undefined;
}

test('no two rooms of src/ reach each other', () => {
  const graph = edges();
  expect(graph.size).toBeGreaterThan(15);
  for (const room of graph.keys()) expect(circleThrough(room, graph), room).toBeUndefined();
});

test('a circle would be found', () => {
  const graph = new Map([
    ['a', new Map([['b', 'a/x.ts -> b/y.ts']])],
    ['b', new Map([['a', 'b/y.ts -> a/z.ts']])],
  ]);
  expect(circleThrough('a', graph)).toEqual(['a/x.ts -> b/y.ts', 'b/y.ts -> a/z.ts']);
});

test('three files lie loose at the root of src/', () => {
  expect(files.filter((file) => !file.includes('/')).sort()).toEqual(['errors.ts', 'index.ts', 'train.ts']);
});
