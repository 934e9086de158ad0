interface Difference {
  path: string;
  a: unknown;
  b: unknown;
}

const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function differences(a: unknown, b: unknown, path = ''): Difference[] {
  if (!isTree(a) || !isTree(b)) return Object.is(a, b) ? [] : [{ path, a, b }];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.flatMap((key) => differences(a[key], b[key], path === '' ? key : `${path}.${key}`));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const shown = (value: unknown) => (value === undefined ? 'not set' : JSON.stringify(value));

/** The first three differences of two texts: by key when both are JSON objects, else by line. */
export function describeDifference(
  mine: string,
  theirs: string,
  names: { mine: string; theirs: string },
): string {
  const [a, b] = [parsed(mine), parsed(theirs)];
  const trees = isTree(a) && isTree(b);
  const all = trees ? differences(a, b) : differences(mine.split('\n'), theirs.split('\n'));
  const places = all.slice(0, 3).map(({ path, a: left, b: right }) => {
    const where = trees ? path : `line ${Number(path) + 1}`;
    return `${where} is ${shown(left)} on ${names.mine}, ${shown(right)} on ${names.theirs}`;
  });
  const more = all.length > 3 ? ` (and ${all.length - 3} more)` : '';
  return places.join('; ') + more;
}
