import { readShard as read, writeShard as write } from '../emoji-search/shards.ts';
import type { Style } from './icon.ts';

/** What KEY.json holds: no label, so that nothing takes the pack for a class. */
export interface Facts {
  key: string;
  caption: string;
  pack: string;
  name: string;
  style: Style;
  ink: string;
  background: string;
}

/** One sample of a WebDataset shard. */
export interface Sample {
  picture: Buffer;
  facts: Facts;
}

type EmojiSample = Parameters<typeof write>[1] extends Iterable<infer Each> ? Each : never;

/** The emoji's writer: of the facts it reads key and caption, and writes them all as they are. */
export const writeShard = (path: string, samples: Sample[]): Promise<void> =>
  write(path, samples as unknown as EmojiSample[]);

export const readShard = async (path: string): Promise<Sample[]> => (await read(path)) as unknown as Sample[];
