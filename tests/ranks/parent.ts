// A launcher in a process of its own, so that a test can kill it: ranks run what the arguments say.
import { launch } from '../../src/cli/launch.ts';

await launch({ nproc: 2, command: process.execPath, args: process.argv.slice(2) });
