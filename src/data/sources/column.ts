import { CoupletError } from '../../errors.ts';

/**
 * The column that a person named, or the first usual one that exists.
 * @throws CoupletError that lists the columns and names the option, when the named or a needed one is missing
 */
export function pickColumn(
  where: { source: string; columns: readonly string[] },
  choice: { option: string; given: string | undefined; usual: readonly string[]; needed?: boolean },
): string | undefined {
  const { option, given, usual, needed } = choice;
  const found = given
    ? where.columns.find((name) => name === given)
    : usual.find((name) => where.columns.includes(name));
  if (found !== undefined || (!given && !needed)) return found;
  const expected = given ? `column ${given}` : `a column named ${usual.join(', ')}`;
  throw new CoupletError(
    `${where.source}: expected ${expected}, found ${where.columns.join(', ') || 'no column'}. Set ${option} to one of these.`,
  );
}
