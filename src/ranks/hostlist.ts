import { CoupletError } from '../errors.ts';

function splitOutsideBrackets(text: string): string[] {
  return text.split(/,(?![^[]*\])/).filter((part) => part !== '');
}

/** `01-03` -> 01, 02, 03 */
function expandRange(range: string, list: string): string[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(range);
  if (!match)
    throw new CoupletError(`The host list ${list} has the range ${range}: expected digits, such as 01-04.`);
  const [, first, last = first] = match;
  const count = Number(last) - Number(first) + 1;
  return Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(first.length, '0'));
}

/** Expands Slurm's short form, such as `rack[1-2]node[01-03,07],gpu5`. */
export function expandHostlist(list: string): string[] {
  return splitOutsideBrackets(list.trim()).flatMap((part) => {
    let names = [''];
    for (const [piece, inside] of part.matchAll(/\[([^\]]*)\]|[^[]+/g)) {
      const ends =
        inside === undefined ? [piece] : inside.split(',').flatMap((range) => expandRange(range, list));
      names = names.flatMap((name) => ends.map((end) => name + end));
    }
    return names;
  });
}
