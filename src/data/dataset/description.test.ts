import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jpegOf, put, temporaryFolder } from '../../../tests/data/make.ts';
import { openDataset } from './dataset.ts';
import { describeDataset, descriptionLines } from './description.ts';

test('three samples with the captions of the first epoch, classes, and what was left out with its reason', async () => {
  const folder = temporaryFolder();
  const picture = await jpegOf([1, 2, 3]);
  const names = ['ant', 'bee', 'cat', 'dog', 'elk', 'fox', 'gnu'];
  put(folder, {
    ...Object.fromEntries(names.map((name) => [`${name}/1.jpg`, picture])),
    'ant/2.heic': 'x',
    'bee/3.heic': 'x',
  });
  const dataset = await openDataset([{ type: 'folder', path: folder, templates: ['one {}'] }]);
  const data = describeDataset(dataset, { captions: true, seed: 1 });
  expect(data.examples).toEqual([
    { name: join(folder, 'ant/1.jpg'), caption: 'one ant', class: 'ant' },
    { name: join(folder, 'cat/1.jpg'), caption: 'one cat', class: 'cat' },
    { name: join(folder, 'elk/1.jpg'), caption: 'one elk', class: 'elk' },
  ]);
  expect(descriptionLines(data).slice(0, 4)).toEqual([
    expect.stringMatching(/^ {2}\.\.\..*ant\/1\.jpg: "one ant"$/),
    expect.stringMatching(/cat\/1\.jpg: "one cat"$/),
    expect.stringMatching(/elk\/1\.jpg: "one elk"$/),
    '  7 classes: ant, bee, cat, dog, elk, fox, and 1 more',
  ]);
  expect(descriptionLines(data)[4]).toMatch(
    /left out: 2 \.heic \(another format: expected JPEG, PNG or WebP\), such as .*2\.heic/,
  );
  const pictures = describeDataset(dataset, { captions: false, seed: 1 });
  expect(descriptionLines(pictures)[0]).toMatch(/ant\/1\.jpg: ant$/);
});

test('a name or caption holds no commands to the terminal; missing captions and labels are said', async () => {
  const folder = temporaryFolder();
  put(folder, {
    'a.csv': 'path,title,c\n1.jpg,\u001b[2Jred,5000000000\n2.jpg,,1\n',
    '1.jpg': await jpegOf([1, 2, 3]),
  });
  const dataset = await openDataset([{ type: 'manifest', path: join(folder, 'a.csv'), labelColumn: 'c' }]);
  const lines = descriptionLines(describeDataset(dataset, { captions: true, seed: 1 }));
  expect(lines[0]).toContain('"\\u{1b}[2Jred"');
  expect(lines.join('\n')).not.toContain('\u001b');
  expect(lines).toContainEqual(
    expect.stringMatching(/1 samples have a label that cannot be read.*5000000000/),
  );
  expect(lines).toContainEqual(
    expect.stringMatching(/1 samples have no caption.*2\.jpg: its caption is empty or missing/),
  );
});
