const NEW_NAMES: Record<string, string> = {
  stages: 'snapshots',
  points: 'candidates',
  budget: 'batchForwards',
};

/** An analysis.json, or a pass log's first line, as version 2. Returns other versions unchanged. */
export function fromVersion1(content: unknown): unknown {
  return isVersion1(content) ? { ...(renamed(content) as object), version: 2 } : content;
}

export function linesFromVersion1([header, ...lines]: readonly unknown[]): unknown[] {
  if (!isVersion1(header)) return [header, ...lines];
  const passes = lines as { kind: string }[];
  return [
    fromVersion1(header),
    ...passes.map((line) => (line.kind === 'point' ? { ...line, kind: 'candidate' } : line)),
  ];
}

const isVersion1 = (content: unknown): boolean =>
  typeof content === 'object' && (content as { version?: unknown } | null)?.version === 1;

/** At all depths, except in the run's config. */
function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      NEW_NAMES[key] ?? key,
      key === 'config' ? inner : renamed(inner),
    ]),
  );
}
