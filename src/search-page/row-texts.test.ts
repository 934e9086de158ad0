import { expect, test } from 'vitest';
import { rowTexts } from './row-texts.ts';

test.each([
  [
    ['/home/me/a/x.png', '/home/me/a/b/y.png'],
    ['x.png', 'b/y.png'],
  ],
  [
    ['/home/me/a/x.png', '/home/me/ab/y.png'],
    ['a/x.png', 'ab/y.png'],
  ],
  [
    ['/x.png', 'x.png'],
    ['/x.png', 'x.png'],
  ],
  [['only/one.png'], ['one.png']],
  [
    ['C:/x.png', '/y.png'],
    ['C:/x.png', '/y.png'],
  ],
])('of the paths %j only what differs is told', (paths, names) => {
  expect(rowTexts(paths.map((path) => ({ path })))).toEqual(names.map((name) => ({ name })));
});

test('a caption is trimmed and cut between characters; an empty one is none', () => {
  const [short, none, long, bare] = rowTexts([
    { caption: ' a  b ' },
    { caption: '  ' },
    { caption: '🐈'.repeat(1000) },
    {},
  ]);
  expect([short, none, bare]).toEqual([{ caption: 'a  b' }, {}, {}]);
  expect(long).toEqual({ caption: `${'🐈'.repeat(399)}…` });
});
