import type { Command } from 'commander';
import { collect, SET_HELP } from './options.ts';
import { evalLines } from './report.ts';

interface EvalFlags {
  checkpoint: string;
  set?: string[];
  json?: boolean;
}

/** `couplet eval RUN`. */
export function addEval(program: Command): void {
  program
    .command('eval')
    .summary('measure a checkpoint of a run')
    .description('Measure a checkpoint of a run: zero-shot classification and retrieval, as its config says.')
    .argument('<run>', "a run's folder")
    .option('--checkpoint <which>', "'latest', 'best' or a path", 'latest')
    .option('--set <path=value>', SET_HELP, collect)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  couplet eval runs/emoji
  couplet eval runs/emoji --checkpoint best --json
  couplet eval runs/emoji --set 'evaluate.zeroShot.data={"type":"folder","path":"photos/test"}'`,
    )
    .action(evalVerb);
}

async function evalVerb(run: string, { checkpoint, set, json }: EvalFlags): Promise<void> {
  const { evaluateRun } = await import('../evaluate/index.ts');
  const report = await evaluateRun(run, { checkpoint, ...(set && { set }) });
  const table = [`${report.checkpoint}, step ${report.step}`, ...evalLines(report)];
  console.log(json ? JSON.stringify(report, null, 2) : table.join('\n'));
}
