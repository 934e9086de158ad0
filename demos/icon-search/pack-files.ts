import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODULES = fileURLToPath(new URL('node_modules', import.meta.url));

/** The path of something in a pack: `inPack('@mdi/svg/svg', 'home.svg')`. */
export const inPack = (...path: string[]): string => join(MODULES, ...path);

/** Whether `npm ci --ignore-scripts` was run in this folder. */
export const packsInstalled = (): boolean => existsSync(inPack('lucide-static'));

export const readJson = <T>(...path: string[]): T => JSON.parse(readFileSync(inPack(...path), 'utf8')) as T;

/** The SVG files of a folder without their ending, sorted. */
export const svgNames = (...folder: string[]): string[] =>
  readdirSync(inPack(...folder))
    .filter((file) => file.endsWith('.svg'))
    .map((file) => file.slice(0, -'.svg'.length))
    .toSorted();

/** Name and style of a file whose style is a word of its name: "bell-plus-outline". */
export function styleInName(id: string, word: string): { name: string; marked: boolean } {
  const words = id.split('-');
  return { name: words.filter((one) => one !== word).join('-'), marked: words.includes(word) };
}
