import { writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { Analysis } from '../schema.ts';
import { hasFonts } from './fonts.ts';
import { page } from './page.ts';
import { type Pictures, picturesOf } from './pictures.ts';

/** The report as one HTML page, and its pictures as SVG, by group of parameters. */
export function reportOf(analysis: Analysis): { html: string; pictures: Map<string, Pictures> } {
  const names = Object.keys(analysis.snapshots[0].groups).sort(
    (a, b) => Number(b === 'all') - Number(a === 'all'),
  );
  const pictures = new Map(names.map((name) => [name, picturesOf(analysis, name)]));
  return { html: page(analysis, [...pictures]), pictures };
}

/**
 * Writes the page as `BASE.html`, and the pictures of the whole model as `BASE-error.png` and so on. Returns their paths. Without fonts
 * on this machine it writes the page alone.
 */
export async function writeReport(analysis: Analysis, { base }: { base: string }): Promise<string[]> {
  const { html, pictures } = reportOf(analysis);
  const path = `${base}.html`;
  await writeFile(path, html);
  if (!(await hasFonts())) return [path];
  const drawn = Object.entries(pictures.get('all')!);
  const files = await Promise.all(
    drawn.map(async ([name, svg]) => {
      const file = `${base}-${name}.png`;
      await sharp(Buffer.from(svg), { density: 144 }).png().toFile(file);
      return file;
    }),
  );
  return [path, ...files];
}
