import type { PageRow } from './layout.ts';
import type { PictureRow } from './pictures.ts';

/** A page shows two lines of a caption. */
const LONGEST_CAPTION = 400; // characters

/**
 * What the page says about each picture. Of paths only what is below the folder that all share: a home folder's name is nobody's business.
 */
export function rowTexts(rows: readonly PictureRow[]): PageRow[] {
  const shared = sharedFolder(rows.flatMap(({ path }) => (path === undefined ? [] : [path])));
  return rows.map(({ caption, path }) => {
    const short = caption && shortened(caption.trim());
    return {
      ...(short && { caption: short }),
      ...(path !== undefined && { name: path.slice(shared.length) }),
    };
  });
}

function shortened(caption: string): string {
  const characters = Array.from(caption.slice(0, 2 * LONGEST_CAPTION + 2));
  if (characters.length <= LONGEST_CAPTION) return caption;
  return `${characters.slice(0, LONGEST_CAPTION - 1).join('')}…`;
}

/** With its last slash, or empty. */
function sharedFolder(paths: readonly string[]): string {
  let shared = (paths[0] ?? '').slice(0, (paths[0] ?? '').lastIndexOf('/') + 1);
  for (const path of paths) {
    while (!path.startsWith(shared)) shared = shared.slice(0, shared.slice(0, -1).lastIndexOf('/') + 1);
  }
  return shared;
}
