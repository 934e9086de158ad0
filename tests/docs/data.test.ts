import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/index.ts';
import { sources } from '../../src/data/dataset/sources/index.ts';
import { createTokenizer } from '../../src/data/tokenizer/tokenizer.ts';
import { configOf } from './config-block.ts';
import { blocks, page } from './markdown.ts';

describe('the configs of docs/data.md', () => {
  const configs = blocks(page('data.md'), 'ts').map(configOf);

  test('are accepted, and nothing in them is dropped', () => {
    expect(configs).toHaveLength(6);
    for (const config of configs) expect(parseConfig(config)).toMatchObject(config);
  });

  test('show every kind of source and of tokenizer', () => {
    const kinds = configs.flatMap(({ data }) => [data.train].flat().map(({ type }) => type));
    expect(new Set(kinds)).toEqual(new Set(sources.map(({ type }) => type)));
    for (const [, text] of page('data.md').matchAll(/^\| `(\{ type: .*?\})` \|/gm)) {
      const tokenizer = new Function(`return ${text}`)();
      const config = { ...configs[0]!, data: { ...configs[0]!.data, tokenizer } };
      expect(parseConfig(config).data.tokenizer).toEqual(tokenizer);
    }
  });
});

test('what the page says of damaged text is so', () => {
  const clip = createTokenizer({ type: 'clip', contextLength: 77 });
  const ids = (text: string) => [...clip.encode(text)];
  expect(ids('cafÃ©')).toEqual(ids('café'));
  expect(ids('donâ€™t')).toEqual(ids("don't"));
  for (const text of ['cafÃ© and 猫', 'РџСЂРёРІРµС‚', 'a-√©', 'Ã la mode', 'vÄ›c', 'Ä°'])
    expect(page('data.md')).toContain(text);
  expect(ids('cafÃ© and 猫')).not.toEqual(ids('café and 猫'));
  expect(ids('Ã la mode')).not.toEqual(ids('à la mode'));
});
