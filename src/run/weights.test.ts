import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../tests/data/make.ts';
import { parseConfig, type RunConfigInput } from '../config/index.ts';
import { loadTokenizer } from '../data/tokenizer/tokenizer.ts';
import { loadRun } from './load-run.ts';
import { modelWith, resolveConfig } from './resolve.ts';

const FAMILIES = fileURLToPath(new URL('../../tests/parity/families/', import.meta.url));

const configOf = (from: string, method = 'clip') =>
  parseConfig({
    name: 'weights',
    device: 'cpu',
    model: { from },
    method: { name: method },
    data: { train: { type: 'folder', path: 'none' } },
    batch: { globalBatchSize: 2 },
    duration: { epochs: 1 },
  } as unknown as RunConfigInput);

test('a tokenizer with more ids than the weights is refused with what to give', async () => {
  const resolved = resolveConfig(configOf(join(FAMILIES, 'hf-clip-gelu')));
  const tokenizer = await loadTokenizer(resolved.config.data.tokenizer, { contextLength: 9 });
  expect(() => modelWith(resolved, tokenizer)).toThrow(
    /^The text tower of the weights has 40 ids, but the tokenizer has 49408\. Give the tokenizer of these weights: data\.tokenizer: \{ type: 'file'/,
  );
});

test('the tokenizer beside the weights is taken, with the frame and the padding of its family', async () => {
  const framed = async (family: string) => {
    const resolved = resolveConfig(configOf(join(FAMILIES, family)));
    const { config, contextLength, frame } = resolved;
    expect(config.data.tokenizer).toEqual({ type: 'file', path: join(FAMILIES, family, 'tokenizer.json') });
    const tokenizer = await loadTokenizer(config.data.tokenizer, {
      contextLength: contextLength!,
      ...(frame && { frame }),
    });
    modelWith(resolved, tokenizer);
    return [...tokenizer.encode('A photo of a cat.')];
  };
  expect(await framed('hf-siglip')).toEqual([4, 5, 6, 4, 7, 1, 1, 1, 1]);
});

test('the start of a run can be had while its weights are there, and a sentence says when they are gone', async () => {
  const folder = temporaryFolder();
  const [from, runDir] = [join(folder, 'weights'), join(folder, 'run')];
  cpSync(join(FAMILIES, 'timm-vit'), from, { recursive: true });
  mkdirSync(runDir);
  writeFileSync(join(runDir, 'config.json'), JSON.stringify(configOf(from, 'simclr')));
  const run = await loadRun(runDir, { checkpoint: 'start' });
  expect(run.step).toBe(0);
  run.close();
  rmSync(from, { recursive: true });
  await expect(loadRun(runDir, { checkpoint: 'start' })).rejects.toThrow(
    `The weights ${from} that this run started from are gone. Put them back; a checkpoint of the run does not need them.`,
  );
});
