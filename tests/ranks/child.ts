// What the launcher's tests start: says its environment, then does what FATE_<rank> tells.
import { setTimeout } from 'node:timers/promises';
import { followLauncher } from '../../src/cli/launch.ts';

const { env } = process;
followLauncher();
process.stderr.write(
  `${env.RANK}/${env.WORLD_SIZE} ${env.LOCAL_RANK}/${env.LOCAL_WORLD_SIZE} ${env.MASTER_ADDR} ${env.OMP_NUM_THREADS} ${process.pid}\n`,
);
const fate = env[`FATE_${env.RANK}`];
if (fate === 'fail') {
  process.stderr.write('couplet: shard-3.tar is truncated\n');
  process.exitCode = 1;
} else if (fate === 'die') process.kill(process.pid, 'SIGKILL');
else if (fate === 'deaf') process.on('SIGTERM', () => {}).on('SIGINT', () => {});
else if (fate === 'polite') process.on('SIGINT', () => process.exit(130));
if (fate === 'deaf' || fate === 'wait' || fate === 'polite') await setTimeout(30_000);
