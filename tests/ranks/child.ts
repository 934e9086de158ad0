// A rank of the launcher's tests: prints its environment, then does what FATE_<rank> says.
import { followLauncher } from '../../src/cli/launch.ts';

const { env } = process;
const fate = env[`FATE_${env.RANK}`];
followLauncher();
if (fate === 'deaf') process.on('SIGTERM', () => {}).on('SIGINT', () => {});
if (fate === 'polite') process.on('SIGINT', () => process.exit(130));
// After the handlers: a test that reads this line may send its signal.
process.stderr.write(
  `${env.RANK}/${env.WORLD_SIZE} ${env.LOCAL_RANK}/${env.LOCAL_WORLD_SIZE} ${env.MASTER_ADDR} ${env.OMP_NUM_THREADS} ${process.pid}\n`,
);
if (fate === 'fail') {
  process.stderr.write('couplet: shard-3.tar is truncated\n');
  process.exitCode = 1;
} else if (fate === 'die') process.kill(process.pid, 'SIGKILL');
else if (fate) setInterval(() => {}, 60_000); // until it is ended
