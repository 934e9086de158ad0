/** `data.train.0.path`, as in `--set`. */
export function joinPath(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

export function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
