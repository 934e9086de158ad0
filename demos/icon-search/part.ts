import { join } from 'node:path';
import { type Sample, writeShard } from '../shards.ts';
import { type Drawing, rasterise, svgOf } from './drawing.ts';
import type { Facts, Icon } from './icon.ts';
import type { Pose } from './pose.ts';

const SAMPLES_PER_SHARD = 4096;
/** Pictures at work at once: libvips runs in threads of its own. */
const AT_ONCE = 64;

/** A sample before it is drawn. */
export interface Draft {
  icon: Icon;
  drawing: Drawing;
  key: string;
  caption: string;
  pose: Pose;
}

/** What was written of one part. */
export interface PartSummary {
  shards: string;
  pairs: number;
  uniqueCaptions: number;
  packs: Record<string, number>;
}

/** Draws a part and writes its shards. */
export async function writePart(
  folder: string,
  { part, drafts, size }: { part: string; drafts: Draft[]; size: number },
): Promise<PartSummary> {
  const shards = Math.ceil(drafts.length / SAMPLES_PER_SHARD);
  const nameOf = (shard: number | string) => `${part}-${String(shard).padStart(5, '0')}.tar`;
  for (let shard = 0; shard < shards; shard++) {
    const from = shard * SAMPLES_PER_SHARD;
    await writeShard(
      join(folder, nameOf(shard)),
      await drawn(drafts.slice(from, from + SAMPLES_PER_SHARD), size),
    );
  }
  const last = String(shards - 1).padStart(5, '0');
  return {
    shards: shards === 1 ? nameOf(0) : `${part}-{00000..${last}}.tar`,
    pairs: drafts.length,
    uniqueCaptions: new Set(drafts.map(({ caption }) => caption)).size,
    packs: countsOf(drafts.map(({ icon }) => icon.pack)),
  };
}

async function drawn(drafts: Draft[], size: number): Promise<Sample<Facts>[]> {
  const samples: Sample<Facts>[] = [];
  for (let from = 0; from < drafts.length; from += AT_ONCE) {
    const some = drafts.slice(from, from + AT_ONCE);
    samples.push(...(await Promise.all(some.map((draft) => sampleOf(draft, size)))));
  }
  return samples;
}

async function sampleOf({ icon, drawing, key, caption, pose }: Draft, size: number): Promise<Sample<Facts>> {
  const { pack, name, style } = icon;
  const { ink, background } = pose;
  const facts: Facts = { key, caption, pack, name, style, ink, background };
  return { picture: await rasterise(svgOf(drawing, pose, size)), facts };
}

function countsOf(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
