import { type Command, Option } from 'commander';
import type { EmbedOptions } from '../embed/index.ts';
import { EmbedProgress } from './embed-progress.ts';
import { collect, SET_HELP } from './options.ts';
import { sourceFlag } from './source.ts';
import { stopOnSignals } from './stop.ts';

type EmbedFlags = Pick<
  EmbedOptions,
  'out' | 'checkpoint' | 'set' | 'dtype' | 'format' | 'texts' | 'patches'
> & { json?: boolean };

export function addEmbed(program: Command): void {
  program
    .command('embed')
    .summary('embeddings of pictures, in files')
    .description(
      'Writes the embeddings of all pictures of a source: unit rows in embeddings.npy, with a line of rows.jsonl for each, or a Parquet file. Ctrl-C stops; the same command continues.',
    )
    .argument('<run>', 'folder of a run')
    .argument('<source>', 'folder, .csv, .tsv, .jsonl, .tar or .parquet, or a source as JSON')
    .requiredOption('--out <folder>', 'folder to write')
    .option('--checkpoint <which>', "checkpoint: 'latest', 'best', 'start' or a path", 'latest')
    .addOption(
      new Option('--format <format>', 'format of the files').choices(['npy', 'parquet']).default('npy'),
    )
    .addOption(
      new Option('--dtype <type>', 'type of the numbers; default float16, and float32 in Parquet').choices([
        'float16',
        'float32',
      ]),
    )
    .option('--texts', 'embeddings of the captions too')
    .option('--patches', 'patch tokens too, after the last norm')
    .option('--set <path=value>', SET_HELP, collect)
    .option('--json', 'output as JSON')
    .addHelpText(
      'after',
      `
Pictures that cannot be read are skipped, and named in skipped.jsonl.
docs/search.md describes the files.

Examples:
  couplet embed runs/clip photos --out photos-embedded
  couplet embed runs/clip pairs.csv --out pairs --texts --set precision=bfloat16
  couplet embed runs/moco shards/{000..099}.tar --out shards --format parquet

Next:
  couplet search photos-embedded "a red mug"`,
    )
    .action(embedVerb);
}

async function embedVerb(run: string, source: string, { json, ...options }: EmbedFlags): Promise<void> {
  const { embedSource } = await import('../embed/index.ts');
  const progress = new EmbedProgress();
  const stop = stopOnSignals(() => progress.say('stopping after this batch (again to quit at once)'));
  try {
    const result = await embedSource(run, sourceFlag(source, 'SOURCE'), {
      ...options,
      signal: stop.signal,
      onEvent: (event) => progress.show(event),
    });
    if (!result.finished) {
      progress.say(`stopped after ${result.rows} rows; the same command continues`);
      process.exitCode = stop.code();
      return;
    }
    if (json) console.log(JSON.stringify(result, null, 2));
    progress.done(result);
  } finally {
    progress.end();
    stop.dispose();
  }
}
