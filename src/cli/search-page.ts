import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { printable } from '../data/index.ts';
import { formatCount } from '../io/human.ts';
import { LiveLine } from './terminal/live-line.ts';

interface PageFlags {
  page: string;
  title?: string;
  run?: string;
  set?: string[];
}

/** Unreadable pictures that are named. */
const NAMED = 3;

/** `couplet search FOLDER --page OUT`. */
export async function writePageOf(folder: string, { page: out, ...options }: PageFlags): Promise<void> {
  const { pageOfEmbedding } = await import('../search-page/index.ts');
  const line = new LiveLine();
  const onProgress = (done: number, total: number) => {
    if (line.isDue) line.draw(`thumbnails ${formatCount(done)} of ${formatCount(total)}`);
  };
  const { facts, unreadable, remarks } = await pageOfEmbedding(folder, out, { ...options, onProgress });
  line.erase();
  for (const remark of remarks) console.error(remark);
  if (unreadable.size > 0) {
    const named = [...unreadable].slice(0, NAMED).map(([row, why]) => `  row ${row}: ${printable(why)}`);
    console.error(
      `${unreadable.size} pictures could not be read and have no thumbnail:\n${named.join('\n')}`,
    );
  }
  const by = facts.text ? 'words and pictures' : 'pictures (the model has no text tower)';
  const megabytes = Math.ceil((await bytesIn(out)) / 1e6);
  console.error(
    `saved ${out}: ${formatCount(facts.count)} pictures, searched by ${by}; ${formatCount(megabytes)} MB for any file host.\nTo see it here: python3 -m http.server 8000 --directory ${out}, then http://localhost:8000`,
  );
}

async function bytesIn(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = files
    .filter((file) => file.isFile())
    .map(async (file) => (await stat(join(file.parentPath ?? file.path, file.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
