/**
 * Damerau-Levenshtein distance: the fewest insertions, deletions, substitutions and swaps of neighbours that make `a` into `b`.
 * (The restricted kind: no part is edited twice, which is what typing does.)
 */
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
 * The known word that was probably meant, or undefined when none is near. Case and separators do not count.
 * First the only known word that begins or ends in the given one (`lr` means `peakLr`, `batchSize` means `globalBatchSize`,
 * though `patchSize` is a letter away); else the one with the fewest typing errors, up to a third of the letters.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const given = plain(word);
  const same = known.find((candidate) => plain(candidate) === given);
  if (same !== undefined) return same;
  const longer = known.filter(
    (c) => given.length > 1 && (plain(c).endsWith(given) || plain(c).startsWith(given)),
  );
  if (longer.length === 1) return longer[0];
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(given, plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  const allowed = Math.max(1, Math.floor(given.length / 3));
  return best && best.distance <= allowed && best.distance < given.length ? best.candidate : undefined;
}
