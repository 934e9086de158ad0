/** Restricted Damerau-Levenshtein distance: insertions, deletions, substitutions and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, before[j - 2]! + 1);
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
}

const plain = (text: string) => text.toLowerCase().replace(/[-_.\s]/g, '');

/**
 * The known word that was probably meant, ignoring case and separators; undefined when none is near.
 * It is the only one that begins or ends with `word` (`batchSize` means `globalBatchSize`, not `patchSize`),
 * else the one with the fewest typing errors, up to a third of the letters.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const typed = plain(word);
  const same = known.find((candidate) => plain(candidate) === typed);
  if (same !== undefined) return same;
  const longer = known.filter(
    (c) => typed.length > 1 && (plain(c).endsWith(typed) || plain(c).startsWith(typed)),
  );
  if (longer.length === 1) return longer[0];
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(typed, plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  const allowed = Math.max(1, Math.floor(typed.length / 3));
  return best && best.distance <= allowed && best.distance < typed.length ? best.candidate : undefined;
}
