import type { Row } from '../embed/row-lines.ts';

/** Path of a row's picture, or where else it lies. */
export function nameOfRow({ id, path, archive, offset }: Row): string {
  if (path !== undefined) return path;
  return archive === undefined ? `sample ${id}` : `${archive}, sample ${id} at byte ${offset}`;
}
