// Seeded damage of files, for tests of what reads them.

/** Numbers in [0, 1), by mulberry32 (T. Ettinger, public domain). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = () => number;
const below = (random: Random, count: number) => Math.floor(random() * count);
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!;

/** As JSON text. */
const WRONG = [
  'null', 'true', 'false', '[]', '{}', '[[]]', '""', '"x"', '"NaN"', '0', '-1', '0.5', '1e9', '2147483648', '9007199254740993',
  '1e308', '-1e308', '1e999', '-1e999', '{"__proto__":{"step":1}}', '{"toString":1}', '[null]', '"\\ud800"',
  `${'['.repeat(3000)}${']'.repeat(3000)}`, `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`,
]; // biome-ignore format: a list

/** Changes some values or keys of a JSON text. */
function damageValues(text: string, random: Random): string {
  const value: unknown = JSON.parse(text);
  const MARK = '@@damage';
  const wrong: string[] = [];
  const places: [Record<string, unknown>, string][] = [];
  const walk = (node: unknown) => {
    if (typeof node !== 'object' || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key]);
      walk((node as Record<string, unknown>)[key]);
    }
  };
  walk(value);
  for (let times = 1 + below(random, 3); times > 0; times--) {
    const [parent, key] = pick(random, places);
    const action = below(random, 4);
    if (action === 0) {
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
    } else if (action === 1 && !Array.isArray(parent)) {
      parent[pick(random, ['__proto__', 'constructor', `${key}x`, 'step', ''])] = parent[key];
    } else {
      parent[key] = MARK + wrong.length;
      wrong.push(pick(random, WRONG));
    }
  }
  return wrong.reduce(
    (result, json, i) => result.replace(`"${MARK}${i}"`, () => json),
    JSON.stringify(value),
  );
}

/** Changes some bytes: flips, zeros, cuts, repeats. */
export function damageBytes(bytes: Uint8Array, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let times = 1 + below(random, 3); times > 0; times--) {
    const at = below(random, result.length + 1);
    const length = 1 + below(random, 40);
    const action = below(random, 6);
    const [head, tail] = [result.subarray(0, at), result.subarray(at)];
    if (action === 0 && tail.length > 0) tail[0]! ^= 1 << below(random, 8);
    else if (action === 1) tail.fill(0, 0, Math.min(length, tail.length));
    else if (action === 2) result = Buffer.from(head);
    else if (action === 3) result = Buffer.concat([head, tail.subarray(length)]);
    else if (action === 4) result = Buffer.concat([head, tail.subarray(0, length), tail]);
    else
      result = Buffer.concat([
        head,
        Buffer.from(pick(random, ['\ufeff', '\u0000', '"', '[', '}', '9', '\n', '\xff'])),
        tail,
      ]);
  }
  return result;
}

/** Damages a file of JSON, or of a JSON text a line. */
export function damageJson(text: string, random: Random): Buffer {
  if (random() < 0.5) return damageBytes(Buffer.from(text), random);
  if (!text.includes('}\n{')) return Buffer.from(damageValues(text, random));
  const lines = text.trimEnd().split('\n');
  const at = below(random, lines.length);
  lines[at] = damageValues(lines[at]!, random);
  return Buffer.from(`${lines.join('\n')}\n`);
}
