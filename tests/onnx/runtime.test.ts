import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openOnnx, writeOnnx } from '../../src/onnx/index.ts';
import { ROOT } from '../docs/markdown.ts';
import { folder, pair } from './harness.ts';

const RUNTIME = import.meta.resolve('onnxruntime-web');
const SIDE = 32;
const { spec, weights } = pair({
  embedDim: 8,
  image: { type: 'resnet', imageSize: SIDE, layers: [1, 1, 1, 1], width: 2, heads: 4 },
  text: { contextLength: 4, vocabSize: 9, width: 8, heads: 2, layers: 1 },
});
const written = () => writeOnnx(join(folder(), 'vision_model.onnx'), { spec, weights, part: 'image' });

function runNode(program: string): string {
  const file = join(folder(), 'program.ts');
  writeFileSync(file, program.replace("'onnxruntime-web'", JSON.stringify(RUNTIME)));
  const args = ['--import', 'jiti/register', file];
  return execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', timeout: 300_000 });
}

test('nothing of the runtime keeps a process alive, closed or not', async () => {
  const { path } = await written();
  const run = join(ROOT, 'src/onnx/run.ts');
  const program = `
    import { openOnnx } from ${JSON.stringify(run)};
    const model = await openOnnx(${JSON.stringify(path)});
    const pixel_values = { shape: [1, 3, ${SIDE}, ${SIDE}], data: new Float32Array(3 * ${SIDE} ** 2) };
    const { image_embeds } = await model.run({ pixel_values });
    console.log(image_embeds.shape.join());`;
  expect(runNode(program).trim()).toBe('1,8');
});

test("docs/export.md's program for onnxruntime runs", async () => {
  const { path } = await written();
  const page = readFileSync(join(ROOT, 'docs/export.md'), 'utf8');
  const program = /```js\n([\s\S]*?onnxruntime-web[\s\S]*?)```/.exec(page)![1]!;
  const here = program
    .replaceAll('224', String(SIDE))
    .replace(/'[^']*vision_model.onnx'/, JSON.stringify(path));
  expect(runNode(here)).toContain('[ 1, 8 ]');
});

test.each([
  ['no such file', () => 'nowhere/model.onnx', /Cannot read nowhere\/model.onnx.*no such file/s],
  ['another file', () => join(ROOT, 'package.json'), /package.json could not be loaded by onnxruntime-web/],
])('%s is refused with the path', async (_, path, message) => {
  await expect(openOnnx(path())).rejects.toThrow(message);
});
