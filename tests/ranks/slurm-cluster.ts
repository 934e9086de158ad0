// Slurm as a cluster of this machine alone, with two cores whatever it has: its three daemons in a folder, at free ports.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './harness.ts';

/** What must be installed: Debian's slurm-wlm and munge. */
export const SLURM = ['munged', 'slurmctld', 'slurmd', 'srun', 'scancel', 'sinfo'];

export interface SlurmCluster {
  /** What srun and the like need in their environment. */
  env: { SLURM_CONF: string };
  stop(): Promise<void>;
}

function configuration(folder: string, ports: readonly [number, number]): string {
  const user = userInfo().username;
  return `ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=${user}
SlurmdUser=${user}
AuthInfo=socket=${folder}/munge.socket
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmdSpoolDir=${folder}/spool
StateSaveLocation=${folder}/state
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES State=UP
`;
}

/** Starts the daemons and waits until the node takes jobs. */
export async function startSlurm(folder: string): Promise<SlurmCluster> {
  for (const name of ['', 'spool', 'state']) mkdirSync(join(folder, name), { recursive: true });
  const file = join(folder, 'slurm.conf');
  writeFileSync(file, configuration(folder, [await freePort(), await freePort()]));
  writeFileSync(join(folder, 'munge.key'), randomBytes(128), { mode: 0o600 });
  const munge = (flag: string, name: string) => [`--${flag}`, join(folder, `munge.${name}`)];
  const own = { SLURM_CONF: file };
  const env = { ...process.env, ...own };
  const daemons: ChildProcess[] = [];
  const start = (program: string, args: readonly string[]) => {
    daemons.push(spawn(program, args, { env, stdio: 'ignore' }));
  };
  const stop = async () => {
    for (const daemon of daemons.reverse()) {
      const ended = new Promise((resolve) => daemon.once('close', resolve));
      if (daemon.exitCode !== null || daemon.signalCode !== null || !daemon.kill('SIGTERM')) continue;
      const timer = setTimeout(() => daemon.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
  };
  start('munged', [
    ...['--foreground', '--force'],
    ...munge('key-file', 'key'),
    ...munge('socket', 'socket'),
    ...munge('pid-file', 'pid'),
    ...munge('log-file', 'log'),
    ...munge('seed-file', 'seed'),
  ]);
  start('slurmctld', ['-D', '-f', file, '-L', join(folder, 'slurmctld.log')]);
  start('slurmd', ['-D', '-f', file, '-N', 'localhost', '-L', join(folder, 'slurmd.log')]);
  const end = performance.now() + 500_000;
  while (spawnSync('sinfo', ['-h', '-o', '%t'], { env, encoding: 'utf8' }).stdout.trim() !== 'idle') {
    if (performance.now() > end) {
      await stop();
      throw new Error(`Slurm did not start:\n${readFileSync(join(folder, 'slurmctld.log'), 'utf8')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return { env: own, stop };
}
