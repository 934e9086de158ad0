import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { madeUpAnalysis } from '../../../tests/analysis/made-up.ts';
import { escaped } from '../../io/html.ts';
import { scheduleOf } from '../schedule-rule.ts';
import { hasFonts } from './fonts.ts';
import { reportOf, writeReport } from './index.ts';
import { shade, short } from './svg.ts';

const folder = mkdtempSync(join(tmpdir(), 'couplet-report-'));
afterAll(() => rmSync(folder, { recursive: true }));
const analysis = madeUpAnalysis();
const { html, pictures } = reportOf(analysis);
const drawn = pictures.get('all')!;

/** The picture without its colours. */
const wordsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, words]) => words);

describe('the report', () => {
  it('is one page: no script, nothing from elsewhere', () => {
    expect(html).not.toMatch(/<script|<link|<img|url\(|@import/);
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:/);
    expect([...pictures.keys()]).toEqual(['all', 'image']);
  });

  it('says each number in words: errors, biases and variances of every cell', () => {
    for (const [name, of] of [
      ['error', 'error'],
      ['bias', 'biasSquared'],
      ['variance', 'variance'],
    ] as const) {
      const words = wordsOf(drawn[name]).map((word) => word.replace('★ ', ''));
      for (const { groups } of analysis.snapshots)
        for (const candidate of groups.all.candidates) expect(words).toContain(short(candidate[of].value));
    }
  });

  it('marks the best of each snapshot by a star and a frame, and what is not told apart from it by dashes', () => {
    const { snapshots } = scheduleOf(analysis);
    expect(wordsOf(drawn.error).filter((word) => word.startsWith('★'))).toEqual(
      snapshots.map(({ best }) => `★ ${short(best.error.value)}`),
    );
    const alike = snapshots.reduce((sum, { alike }) => sum + alike.length, 0);
    expect(drawn.error.match(/data-mark="alike"/g)!.length).toBe(alike);
    expect(drawn.cost.match(/<circle/g)!.length).toBe(analysis.snapshots.length);
  });

  it('shows the schedule, its variants, and other gradient computes', () => {
    const words = wordsOf(drawn.schedule);
    for (const name of [
      'least error',
      'monotone',
      'interpolated',
      'a quarter of the compute',
      'four times the compute',
    ])
      expect(words).toContain(name);
    const pieces = scheduleOf(analysis).file.stages;
    for (const { tokenDropout, patchSize } of pieces) {
      expect(words).toContain(`d ${tokenDropout}`);
      expect(words).toContain(`q ${patchSize}`);
    }
  });

  it('has its own cost, and the checks', () => {
    expect(html).toContain('this analysis took 6 min 52 s and 2.4 M forwards, 11.4 % of the time of the run');
    expect(html).toContain('holds zero');
  });

  it('text that is markup stays text', () => {
    const odd = madeUpAnalysis();
    odd.run.name = 'a<b & "c"';
    expect(reportOf(odd).html).toContain('<title>Gradient error: a&lt;b &amp; &quot;c&quot;</title>');
    expect(escaped('<&>')).toBe('&lt;&amp;&gt;');
  });

  it('a candidate that was not measured is a gap, not a number', () => {
    const gap = madeUpAnalysis();
    for (const { groups } of gap.snapshots)
      for (const group of Object.values(groups))
        group.candidates = group.candidates.filter((candidate) => candidate.sequenceLength > 2);
    expect(wordsOf(reportOf(gap).pictures.get('all')!.error).filter((word) => word === '–').length).toBe(5);
  });

  it('is written with a PNG of each picture', async ({ skip }) => {
    skip(!(await hasFonts()), 'this machine has no fonts');
    const files = await writeReport(analysis, { base: join(folder, 'analysis') });
    expect(files.map((file) => file.slice(folder.length + 1))).toEqual([
      'analysis.html',
      ...['schedule', 'error', 'cost', 'bias', 'variance'].map((name) => `analysis-${name}.png`),
    ]);
    expect(readFileSync(files[0], 'utf8')).toBe(html);
    for (const file of files.slice(1)) {
      const { width } = await sharp(file).metadata();
      const { channels } = await sharp(file).stats();
      expect(width).toBeGreaterThan(1500);
      expect(channels[0].stdev).toBeGreaterThan(5); // something is drawn
    }
  });
});

it('a machine without fonts is known', () => {
  const config = join(folder, 'fonts.conf');
  writeFileSync(config, '<?xml version="1.0"?><fontconfig></fontconfig>');
  const module = new URL('../../../dist/analysis/report/fonts.js', import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then(async ({ hasFonts }) => console.log(await hasFonts()))`;
  const args = ['--input-type=module', '--eval', script];
  const env = { ...process.env, FONTCONFIG_FILE: config };
  expect(execFileSync(process.execPath, args, { env, encoding: 'utf8', stdio: 'pipe' }).trim()).toBe('false');
});

it.each([
  [0, '0'],
  [0.00417, '0.0042'],
  [0.374, '0.37'],
  [12.44, '12.4'],
  [256.2, '256'],
  [31_000, '3.1e4'],
  [-0.0042, '−0.0042'],
  [0.00001, '1.0e−5'],
])('%d is written %s', (value, expected) => {
  expect(short(value)).toBe(expected);
});

it('ink is readable on every shade: a contrast of 4.5 at least', () => {
  const luminance = (colour: string) => {
    const channels = colour.startsWith('#')
      ? [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
      : colour.match(/\d+/g)!.map(Number);
    const [r, g, b] = channels.map((c) =>
      c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (let t = 0; t <= 1; t += 0.01) {
    const { fill, ink } = shade(t);
    const [light, dark] = [luminance(fill), luminance(ink)].sort((a, b) => b - a);
    expect((light + 0.05) / (dark + 0.05)).toBeGreaterThan(4.5);
  }
});
