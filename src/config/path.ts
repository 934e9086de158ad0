/** `['data', 'train', 0, 'path']` as a person writes it: `data.train.0.path`, which is also what `--set` takes. */
export function joinPath(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

/** The value at a path of plain data, or undefined. */
export function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
