import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from '../io/json-file.ts';
import type { WeightFiles } from './files.ts';

const configSchema = z.object({
  pad_token: z.union([z.string(), z.object({ content: z.string() })]).nullish(),
});
const tokensSchema = z.object({ added_tokens: z.array(z.object({ id: z.int(), content: z.string() })) });

/** What fills a row after its text: the pad token of the tokenizer beside the weights, else `fallback`. */
export function padIdOf({ tokenizer }: Pick<WeightFiles, 'tokenizer'>, fallback: number): number {
  const config = tokenizer && join(dirname(tokenizer), 'tokenizer_config.json');
  if (!config || !existsSync(config)) return fallback;
  const todo = 'It lies beside the weights of model.from: write it again.';
  const { pad_token: pad } = readJsonFile(config, configSchema, todo, { anyKeys: true });
  const content = typeof pad === 'string' ? pad : pad?.content;
  if (content === undefined) return fallback;
  const { added_tokens: added } = readJsonFile(tokenizer, tokensSchema, todo, {
    anyKeys: true,
    maxValues: 4_000_000,
  });
  return added.find((token) => token.content === content)?.id ?? fallback;
}
