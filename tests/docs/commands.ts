// The commands that a reader is told to type: those in code blocks of pages and in the headers of programs and configs.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './markdown.ts';

export interface DocCommand {
  /** The file that it stands in, from the root. */
  file: string;
  /** As it is written, without its comment. */
  text: string;
  words: string[];
}

/** Pages, and programs and configs whose header has a command. */
const FILES = [
  ...['README.md', 'CONTRIBUTING.md', 'docs/*.md', 'docs/**/*.md', 'examples/*', 'demos/**'],
  ...['configs/*.ts', 'experiments/*.ts', 'bench/*.ts', 'scripts/*.ts'],
];

/** What a line of a shell begins with, after VARIABLE=value. */
const STARTS =
  /^(?:\w+=\S* )*(?:npx|npm|node|couplet|torchrun|srun|mpirun|scripts\/[\w-]+|python3?|pip)(?= |$)/;

export function docCommands(): DocCommand[] {
  const files = execFileSync('git', ['ls-files', '--', ...FILES], { cwd: ROOT, encoding: 'utf8' });
  return files
    .trim()
    .split('\n')
    .filter((file) => /\.(md|ts)$/.test(file) && !file.endsWith('.test.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8');
      const lines = file.endsWith('.md') ? shellLines(text) : headerLines(text);
      return lines.flatMap(commandsOf).map((command) => ({ file, text: command, words: wordsOf(command) }));
    });
}

/** Lines of blocks without a language or of a shell; a line that ends in `\` goes on. */
const shellLines = (text: string): string[] =>
  [...text.matchAll(/^ *```(\w*)\n(.*?)^ *```/gms)]
    .filter(([, language]) => ['', 'sh', 'bash'].includes(language!))
    .flatMap(([, , body]) => body!.replace(/\\\n\s*/g, '').split('\n'));

/** Lines of the comment that a file begins with. */
function headerLines(text: string): string[] {
  const header = /^(?:(?:\/\/.*|\/\*\*[\s\S]*?\*\/|#!.*)\n)+/.exec(text)?.[0] ?? '';
  return header
    .replace(/\\\n\/\/\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/^(?:\/\/|\/\*\*| \*\/?) ?/, ''));
}

/** The commands of a line: without the comment after `#` or after three blanks, and cut at `&&`. */
const commandsOf = (line: string): string[] =>
  line
    .replace(/(?:^|\s)#\s.*$/, '')
    .replace(/(\S) {3,}.*$/, '$1')
    .split(/ && /)
    .map((command) => command.trim())
    .filter((command) => STARTS.test(command) && !command.startsWith('node ...'));

/** As a shell splits them. `[--flag value]...` of a usage line counts as written out. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => {
    const plain = /['"]/.test(word) ? word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2') : word;
    return /['"{]/.test(word) ? plain : plain.replace(/^\[+|\]+(\.\.\.)?$|\.\.\.$/g, '');
  });
