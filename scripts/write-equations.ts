/**
 * Writes docs/equations.md from tags beside the code:
 *
 *   @equation FastCLIP 1.4: u <- (1 - gamma) u + gamma g     in the comment of what computes it
 *   @proves NAME                                             in a comment above a test of it; NAME is what carries the equation
 *
 *   node --import jiti/register scripts/write-equations.ts
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const PAGE = join(ROOT, 'docs/equations.md');
const PAPERS = { FastCLIP: 'papers/fastclip.md', FastCL: 'papers/fastcl.md' };

interface Equation {
  paper: keyof typeof PAPERS;
  section: string;
  text: string;
  places: { name: string; file: string }[];
}

const sources = (folder: string): string[] =>
  (readdirSync(join(ROOT, folder), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
    .sort();

/** `export function NAME`, `  #NAME(`, `  NAME = (`. */
const DECLARATION =
  /^(?:export )?(?:async )?(?:function|class|const|interface|type) (\w+)|^ {2}(?:readonly |static |async |get )*(#?\w+)(?:[(=:<]| =)/m;

/** The equations of all files of src/, by paper and section; one that several functions share is one equation. */
export function equations(): Equation[] {
  const byText = new Map<string, Equation>();
  for (const file of sources('src')) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const match of text.matchAll(/@equation (FastCLIP|FastCL) ([\d.]+): ([^\n]*?)(?: \*\/)?\n/g)) {
      const [, paper, section, equation] = match as unknown as [string, keyof typeof PAPERS, string, string];
      const rest = text.slice(match.index).replace(/^[\s\S]*?\*\/\n/, '');
      const [, top, member] = DECLARATION.exec(rest) ?? [];
      const key = `${paper} ${section} ${equation}`;
      if (!byText.has(key)) byText.set(key, { paper, section, text: equation, places: [] });
      byText.get(key)!.places.push({ name: top ?? member ?? '', file });
    }
  }
  const order = ({ paper, section }: Equation) =>
    (paper === 'FastCLIP' ? 0 : 1e6) +
    section.split('.').reduce((sum, part, i) => sum + Number(part) * 100 ** (2 - i), 0);
  return [...byText.values()].sort((a, b) => order(a) - order(b));
}

/** Files of tests by the name of what they prove. */
export function proofs(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of [...sources('src'), ...sources('tests')].filter((each) => each.endsWith('.test.ts'))) {
    for (const [, names] of readFileSync(join(ROOT, file), 'utf8').matchAll(/\/\/ @proves ([#\w, ]+)/g)) {
      for (const name of names!.split(',').map((each) => each.trim()))
        found.set(name, [...new Set([...(found.get(name) ?? []), file])]);
    }
  }
  return found;
}

/** The page, whole. */
export function equationsPage(): string {
  const proven = proofs();
  const link = (file: string, text: string) => `[${text}](../${file})`;
  const row = ({ section, text, places }: Equation) => {
    const code = places.map(({ name, file }) => link(file, `\`${name}\``)).join(', ');
    const tests = [...new Set(places.flatMap(({ name }) => proven.get(name) ?? []))];
    return `| ${section} | ${text.replaceAll('|', '\\|')} | ${code} | ${tests.map((file) => link(file, basename(file, '.test.ts'))).join(', ') || 'none yet'} |`;
  };
  const part = (paper: keyof typeof PAPERS) => {
    const rows = equations().filter((each) => each.paper === paper);
    return `## ${paper}\n\nSections are those of [${PAPERS[paper]}](${PAPERS[paper]}).\n\n| section | equation | code | tests |\n| --- | --- | --- | --- |\n${rows.map(row).join('\n')}\n`;
  };
  return `# Equations, and where they are

Written by \`node --import jiti/register scripts/write-equations.ts\` from \`@equation\` and \`@proves\` in comments. *ours*: not from the paper.

${part('FastCLIP')}
${part('FastCL')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, equationsPage());
