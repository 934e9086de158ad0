import type { Command } from 'commander';
import { formatTable } from './report.ts';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('test of this machine')
    .description('Lists libtorch, BLAS, threads, CUDA and NCCL of this machine, and tests them.')
    .option('--json', 'output as JSON')
    .addHelpText(
      'after',
      `
Examples:
  couplet doctor
  couplet doctor --json > machine.json

Next:
  couplet train moco.ts       trains the model of a config`,
    )
    .action(doctorVerb);
}

async function doctorVerb({ json }: { json?: boolean }): Promise<void> {
  const { doctor } = await import('../torch/doctor.ts');
  const report = await doctor();
  console.log(json ? JSON.stringify(report, null, 2) : formatTable(report));
}
