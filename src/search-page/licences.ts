import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The package has no file of it. */
const MIT_OF_MICROSOFT = `MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Of what the scripts of a page contain, beside Couplet itself. */
const BUNDLED = ['@huggingface/tokenizers', 'html-entities', 'zod'];

/** `licences.txt`: whoever publishes a page also publishes these programs. */
export async function licences(): Promise<string> {
  const texts = await Promise.all(BUNDLED.map(licenceOf));
  return [
    `onnxruntime-web (ort.js, ort.wasm)\n\n${MIT_OF_MICROSOFT}`,
    ...BUNDLED.map((name, i) => `${name} (in worker.js)\n\n${texts[i]!.trim()}`),
    'Couplet (page.js, worker.js): Apache-2.0, https://www.apache.org/licenses/LICENSE-2.0',
  ].join(`\n\n${'-'.repeat(80)}\n\n`);
}

async function licenceOf(name: string): Promise<string> {
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  while (!folder.endsWith(`node_modules/${name}`)) folder = dirname(folder);
  return await readFile(join(folder, 'LICENSE'), 'utf8');
}
