import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'couplet-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const config = join(folder, 'run.json');
writeFileSync(
  config,
  JSON.stringify({
    model: 'tiny',
    method: { name: 'fastclip' },
    data: { train: { type: 'folder', path: 'pictures' } },
    batch: { globalBatchSiz: 8 },
    duration: { epoch: 3 },
    optimizer: { peekLr: 1 },
  }),
);

/** The command as it stands in src/, so that no test speaks of an older build. */
function couplet(...args: string[]) {
  const jiti = join(root, 'node_modules/jiti/lib/jiti-cli.mjs');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [jiti, join(root, 'src/cli/main.ts'), ...args],
    {
      encoding: 'utf8',
      cwd: folder,
    },
  );
  return { status, stdout, stderr };
}

describe('couplet', () => {
  it('--help lists the verbs, with examples, and no libtorch', () => {
    const { status, stdout } = couplet('--help');
    expect(status).toBe(0);
    for (const word of ['train', 'eval', 'analyze', 'schedule', 'doctor', 'Examples'])
      expect(stdout).toContain(word);
  });

  it.each(['train', 'eval', 'analyze', 'schedule', 'doctor'])(
    '%s --help ends with one or two examples and the next command',
    (verb) => {
      const { status, stdout } = couplet(verb, '--help');
      expect(status).toBe(0);
      expect(stdout).toMatch(
        new RegExp(
          `\\nExamples.*:\\n(?:  couplet ${verb} .*\\n|  couplet ${verb}\\n){1,2}\\nNext:\\n  couplet .*\\n$`,
        ),
      );
    },
  );

  it('--version is that of the package', () => {
    expect(couplet('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['trian'], /unknown command 'trian'\n\(Did you mean train\?\)/],
    [['train', 'x.ts', '--resum', 'latest'], /unknown option '--resum'\n\(Did you mean --resume\?\)/],
    [['train'], /missing required argument 'config'/],
    [
      ['train', 'nowhere.ts'],
      /^couplet: There is no config at .*nowhere\.ts: expected a \.ts, \.js or \.json file\.\n$/,
    ],
    [
      ['train', config, '--set', 'peakLr=1'],
      /^couplet: --set peakLr=1: .*did you mean optimizer\.peakLr\?\n$/,
    ],
  ])('%j is refused in a sentence', (args, message) => {
    const { status, stderr } = couplet(...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/ at .*\.ts:\d+/); // no stack
    expect(status).toBe(1);
  });

  it('names every wrong key before the first step', () => {
    const { status, stderr } = couplet('train', config);
    expect(stderr).toBe(
      `couplet: ${config} has 3 problems:\n` +
        '  batch.globalBatchSiz is not known; did you mean batch.globalBatchSize?\n' +
        '  duration.epoch is not known; did you mean duration.epochs?\n' +
        '  optimizer.peekLr is not known; did you mean optimizer.peakLr?\n',
    );
    expect(status).toBe(1);
    expect(existsSync(join(folder, 'runs'))).toBe(false);
  });
});
