import type { Command } from 'commander';
import { formatTable } from './report.ts';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('say what is installed here, and whether it works')
    .description('Say which libtorch, BLAS, threads, CUDA and NCCL are in use, and try each.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  couplet doctor\n  couplet doctor --json > machine.json')
    .action(doctorVerb);
}

async function doctorVerb({ json }: { json?: boolean }): Promise<void> {
  const { doctor } = await import('../torch/doctor.ts');
  const report = await doctor();
  console.log(json ? JSON.stringify(report, null, 2) : formatTable(report));
}
