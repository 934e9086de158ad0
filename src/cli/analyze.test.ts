import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { madeUpAnalysis } from '../../tests/analysis/made-up.ts';
import { temporaryFolder } from '../../tests/data/make.ts';
import { runsFolder, tinyConfig, trainTiny } from '../../tests/run/harness.ts';
import { asManifest, shapes } from '../../tests/run/shapes.ts';
import { readScheduleFile } from '../compress/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = runsFolder();

/** The command as it stands in src/. */
function couplet(...args: string[]) {
  const jiti = join(root, 'node_modules/jiti/lib/jiti-cli.mjs');
  const words = [jiti, join(root, 'src/cli/main.ts'), ...args];
  return spawnSync(process.execPath, words, { encoding: 'utf8', cwd: folder });
}

const made = join(folder, 'made-up.json');
writeFileSync(made, JSON.stringify(madeUpAnalysis()));

describe('couplet analyze, then couplet schedule', () => {
  beforeAll(async () => {
    const train = asManifest(temporaryFolder(), await shapes(64));
    const checkpoint = { every: { share: 0.5 }, keep: 5 };
    await trainTiny(tinyConfig({ train, duration: { steps: 4 }, checkpoint }), { runsDir: folder });
  });
  const grid = ['--samples', '32', '--sub-batch', '8', '--token-dropout', '0,.5', '--patch-size', '8,12'];

  it('writes the analysis, the report and its pictures, and what it cost; then a schedule that a run takes', () => {
    const { status, stderr } = couplet('analyze', 'run', '--at', '0,50,100', ...grid);
    expect(stderr).toMatch(/4 compressions at 0, 50, 100 %, 32 samples in sub-batches of 8/);
    expect(stderr).toMatch(/ 50 % {2}dropout 0\.5, patch 12 {2}\d+ .*left/);
    expect(stderr).toMatch(
      /done: run\/analysis\.json, run\/analysis\.html\ncost: .+ s, [\d.]+ k? ?forwards, .* % of the run's time/,
    );
    expect(status).toBe(0);
    for (const file of ['analysis.jsonl', 'analysis.html', 'analysis-error.png'])
      expect(existsSync(join(folder, 'run', file))).toBe(true);

    const { stdout } = couplet('schedule', 'run/analysis.json');
    expect(stdout).toMatch(/^from {4}0 % {2}dropout/);
    expect(stdout).toMatch(/at a quarter of the gradient compute: .*\nat four times the gradient compute: /);
    const { stages } = readScheduleFile(join(folder, 'run/schedule.json'), { imageSize: 24, patchSize: 8 });
    expect(stages[0].from).toBe(0);
    expect(() =>
      readScheduleFile(join(folder, 'run/schedule.json'), { imageSize: 48, patchSize: 8 }),
    ).toThrow(/was made for images of 24 pixels and patches of 8, but the model has 48 and 8/);
  });

  it('writes them of a single moment too', () => {
    const { status, stderr } = couplet('analyze', 'run', '--at', '50', ...grid, '--out', 'half-way.json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('half-way.html') });
  });

  it.each([
    [
      ['analyze', 'run', '--at', '10'],
      /^couplet: run has no checkpoint at 10 % of the run; there are 0 %, 50 % and 100 %\./,
    ],
    [
      ['analyze', 'run', '--token-dropout', '0,x'],
      /Expected numbers with commas between them, such as 0,0\.25,0\.5/,
    ],
  ])('%j: one sentence', (args, sentence) => {
    const { status, stderr } = couplet(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(sentence);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });
});

describe('couplet schedule', () => {
  it('prints the schedule, those of other gradient computes, and what is not told apart', () => {
    const { stdout, status } = couplet('schedule', made, '--monotone', '--out', 'fast.json');
    expect(status).toBe(0);
    expect(stdout).toBe(
      `from    0 %  dropout 0.5, patch 16
from 12.5 %  dropout 0.25, patch 16
from 87.5 %  dropout 0.25, patch 8
mean cost 0.914 of 4.00 forwards a sample: 4.4 times the samples
at a quarter of the gradient compute: dropout 0.9, patch 16 from 0 %; dropout 0.5, patch 16 from 37.5 %
at four times the gradient compute: dropout 0.25, patch 16 from 0 %; dropout 0.25, patch 8 from 12.5 %
at 0 % the samples do not tell dropout 0.5, patch 16 from dropout 0.25, patch 16
at 25 % the samples do not tell dropout 0.25, patch 16 from dropout 0, patch 16; dropout 0.5, patch 16
at 50 % the samples do not tell dropout 0.25, patch 16 from dropout 0, patch 16; dropout 0.5, patch 16
at 75 % the samples do not tell dropout 0.25, patch 16 from dropout 0, patch 16; dropout 0.5, patch 8; dropout 0.5, patch 16
at 100 % the samples do not tell dropout 0.5, patch 8 from dropout 0.25, patch 8
saved fast.json; train with --set compression.file=fast.json
`,
    );
    expect(JSON.parse(readFileSync(join(folder, 'fast.json'), 'utf8')).stages.length).toBe(3);
  });

  it.each([
    [['schedule', 'none.json'], /^couplet: Cannot read none\.json: there is no such file/],
    [['schedule', 'run/config.json'], /^couplet: run\/config\.json is damaged or of another kind:\n/],
    [
      ['schedule', made, '--parameters', 'text'],
      /^couplet: The analysis has no gradient of 'text': use --parameters image or all\./,
    ],
    [['schedule', made, '--gradient-compute', '0'], /Expected a number above 0/],
    [
      ['schedule', made, '--budget', '0.25'],
      /'--budget <factor>' argument '0\.25' is invalid\. Use its new name, --gradient-compute\./,
    ],
  ])('%j: one sentence', (args, sentence) => {
    const { status, stderr } = couplet(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(sentence);
  });
});
