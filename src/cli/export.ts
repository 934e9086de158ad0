import { type Command, InvalidArgumentError, Option } from 'commander';
import { CoupletError } from '../errors.ts';
import type { ExportCheck, ExportOptions, ExportResult, FileCheck } from '../export/index.ts';
import { LiveLine } from './terminal/live-line.ts';

type ExportFlags = Omit<ExportOptions, 'to' | 'onProgress'> & {
  to?: string;
  check?: string;
  json?: boolean;
};

const TARGETS = ['transformers', 'open-clip', 'timm', 'sentence-transformers', 'onnx', 'transformers.js'];

export function addExport(program: Command): void {
  program
    .command('export')
    .summary('a model for other programs')
    .description(
      'Writes the model of a run as a folder that another program loads, with tokenizer, preprocessing, model card and parity.json; or compares such a folder with its run by --check.',
    )
    .argument('[run]', 'folder of a run')
    .addOption(new Option('--to <program>', 'program that loads the folder').choices(TARGETS))
    .option('--out <folder>', 'folder to write; default exports/NAME-PROGRAM')
    .option('--checkpoint <which>', "checkpoint: 'latest', 'best', 'start' or a path", 'latest')
    .addOption(
      new Option('--weights <which>', 'averages of emaWeights, or weights of the last step').choices([
        'ema',
        'last',
      ]),
    )
    .option(
      '--blend <share>',
      'share of the trained weights between those that the run began with and them, as 0.5 (WiSE-FT)',
      share,
    )
    .option('--student', "DINO's student, in place of its teacher")
    .option('--license <id>', 'license for the model card, such as apache-2.0')
    .option('--variants <list>', 'precisions of ONNX files; default fp32,fp16,q8,q4', list)
    .option('--force', 'replacement of an older export')
    .option('--check <folder>', 'exported folder to compare with its run')
    .option('--json', 'output as JSON')
    .addHelpText(
      'after',
      `
docs/export.md says which program takes which model, and how it loads the folder.

Examples:
  couplet export runs/clip --to transformers --license apache-2.0
  couplet export runs/moco --to timm --checkpoint best --out exports/moco
  couplet export --check exports/moco`,
    )
    .action(exportVerb);
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a share from 0 to 1.');
}

const list = (text: string) => text.split(',').map((name) => name.trim());

async function exportVerb(
  run: string | undefined,
  { check, json, to, ...options }: ExportFlags,
): Promise<void> {
  if (check !== undefined) return checkVerb(check, { run, to, json });
  if (run === undefined || to === undefined)
    throw new CoupletError(`Give the folder of a run and --to ${TARGETS.join('|')}, or --check FOLDER.`);
  const { exportRun } = await import('../export/index.ts');
  const line = new LiveLine();
  try {
    const result = await exportRun(run, { ...options, to, onProgress: (text) => line.draw(text) });
    line.erase();
    console.log(json ? JSON.stringify(result, null, 2) : linesOf(result).join('\n'));
  } finally {
    line.erase();
  }
}

async function checkVerb(
  folder: string,
  { run, to, json }: { run: string | undefined; to: string | undefined; json: boolean | undefined },
): Promise<void> {
  if (run !== undefined || to !== undefined)
    throw new CoupletError('--check takes an exported folder alone: omit the run and --to.');
  const { checkExport } = await import('../export/index.ts');
  const result: ExportCheck = await checkExport(folder);
  console.log(json ? JSON.stringify(result, null, 2) : table(result.files).join('\n'));
  if (!result.passes) process.exitCode = 1;
}

const linesOf = ({ out, checkpoint, files, remarks, target }: ExportResult) => [
  `${checkpoint} for ${target}`,
  ...table(files),
  ...remarks,
  `done: ${out}`,
];

function table(files: readonly FileCheck[]): string[] {
  const width = Math.max(...files.map(({ file }) => file.length));
  return files.map(({ file, worst, cosine, bar, passes }) => {
    const expected =
      'worst' in bar ? `at most ${bar.worst.toExponential(0)}` : `cosine at least ${bar.cosine}`;
    return `${file.padEnd(width)}  difference ${worst.toExponential(1)}  cosine ${cosine.toFixed(5)}  ${passes ? 'good' : 'BAD'}: ${expected}`;
  });
}
