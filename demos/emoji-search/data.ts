import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePng } from '../../scripts/data-sets/png.ts';
import { writeWholeFolder } from '../../scripts/data-sets/whole-folder.ts';
import { hashFraction } from '../hash-fraction.ts';
import { type Sample, writeShard } from '../shards.ts';
import { shareOfWordsIn } from '../words.ts';
import { captionOf, queryOf } from './captions.ts';
import { type Emoji, loadEmoji, VENDORS, type Vendor } from './emoji.ts';
import { type Colour, draw, type Pose, readSheet, type Sheet, SIDE, WHITE } from './pictures.ts';
import { families, splitFamilies } from './split.ts';

/** How often each emoji is written, each time with another caption, background, angle and size, its drawings in turn. */
const VARIANTS = 16;
const TRAIN_SHARDS = 4;
/** Tests and search are over the pictures of one vendor: one right answer to each query. */
const TEST_VENDOR: Vendor = 'twitter';
const BACKGROUNDS: Colour[] = [WHITE, WHITE, [244, 240, 230], [225, 235, 245], [235, 225, 240], [60, 64, 72]];
const SIDES = ['train', 'newDrawing', 'heldOut', 'setAside'] as const;
/** Raised when the data changes, so that older folders are written again. */
const VERSION = 3;

/** What KEY.json holds. */
export interface Caption {
  key: string;
  caption: string;
  label: string;
  tags: string[];
  kind: string;
  hexcode: string;
  vendor: Vendor;
  split: (typeof SIDES)[number];
}

/** What was written, and how much of it the held-out words share with the training words. */
export interface EmojiData {
  version: number;
  train: { shards: string; emoji: number; samples: number };
  /** One picture of each held-out emoji; the caption is the query. */
  heldOut: { shards: string; emoji: number; wordsSeenInTraining: number; labelWordsSeenInTraining: number };
  /** One picture of each family whose drawings by this vendor were held out, though not those by others. */
  newDrawing: { shards: string; emoji: number };
  /** One picture of every emoji, for free search. */
  gallery: { shards: string; emoji: number };
}

/** Writes the shards into `folder` unless they are there. Takes about 15 seconds on two cores; the same bytes on every run. */
export async function buildEmojiData(folder: string): Promise<EmojiData> {
  const description = join(folder, 'dataset.json');
  if (existsSync(description)) {
    const written = JSON.parse(await readFile(description, 'utf8')) as EmojiData;
    if (written.version === VERSION) return written;
  }
  return writeWholeFolder(folder, async (building) => {
    const data = await writeAll(building);
    await writeFile(join(building, 'dataset.json'), `${JSON.stringify(data, null, 2)}\n`);
    return data;
  });
}

async function writeAll(folder: string): Promise<EmojiData> {
  const emoji = await loadEmoji();
  const decoded = await Promise.all(VENDORS.map(readSheet));
  const sheets = new Map(VENDORS.map((vendor, index) => [vendor, decoded[index]!]));
  const everyFamily = families(emoji, decoded);
  const split = splitFamilies(everyFamily);
  const write = (name: string, drafts: Draft[]) => writeShard(join(folder, name), render(drafts, sheets));

  // A fixed shuffle, so that even reading in order mixes kinds and vendors.
  const train = shuffled([
    ...split.train.flatMap(trainingDrafts(VENDORS)),
    ...split.newDrawing.flatMap(trainingDrafts(VENDORS.filter((vendor) => vendor !== TEST_VENDOR))),
  ]);
  const perShard = Math.ceil(train.length / TRAIN_SHARDS);
  for (let shard = 0; shard < TRAIN_SHARDS; shard++) {
    await write(`train-${shard}.tar`, train.slice(shard * perShard, (shard + 1) * perShard));
  }
  await write('held-out.tar', split.heldOut.map(plainDraft('heldOut')));
  const newDrawing = firstOfEach(split.newDrawing, everyFamily).map(plainDraft('newDrawing'));
  await write('new-drawing.tar', newDrawing);
  const gallery = SIDES.flatMap((side) => split[side].map(plainDraft(side)));
  await write('gallery.tar', gallery);

  const captions = train.map(({ facts }) => facts.caption);
  return {
    version: VERSION,
    train: {
      shards: `train-{0..${TRAIN_SHARDS - 1}}.tar`,
      emoji: split.train.length + split.newDrawing.length,
      samples: train.length,
    },
    heldOut: {
      shards: 'held-out.tar',
      emoji: split.heldOut.length,
      wordsSeenInTraining: shareOfWordsIn(captions, split.heldOut.map(queryOf)),
      labelWordsSeenInTraining: shareOfWordsIn(
        captions,
        split.heldOut.map(({ label }) => label),
      ),
    },
    newDrawing: { shards: 'new-drawing.tar', emoji: newDrawing.length },
    gallery: { shards: 'gallery.tar', emoji: gallery.length },
  };
}

/** A sample before it is drawn. */
interface Draft {
  cell: Emoji['cell'];
  pose: Pose;
  facts: Caption;
}

const trainingDrafts =
  (vendors: readonly Vendor[]) =>
  (emoji: Emoji): Draft[] =>
    Array.from({ length: VARIANTS }, (_, variant) => {
      const vendor = vendors[variant % vendors.length]!;
      const key = `${emoji.hexcode}-${vendor}-${variant}`;
      const facts = { key, caption: captionOf(emoji, variant), vendor, split: 'train' as const };
      return { cell: emoji.cell, pose: poseOf(key), facts: factsOf(emoji, facts) };
    });

/** One emoji of each family is enough for a test: its versions would be right answers too. */
const firstOfEach = (emoji: Emoji[], everyFamily: Emoji[][]): Emoji[] => {
  const first = new Set(everyFamily.map((family) => family[0]));
  return emoji.filter((one) => first.has(one));
};

const plainDraft =
  (split: Caption['split']) =>
  (emoji: Emoji): Draft => {
    const facts = { key: emoji.hexcode, caption: queryOf(emoji), vendor: TEST_VENDOR, split };
    return { cell: emoji.cell, pose: { background: WHITE }, facts: factsOf(emoji, facts) };
  };

const factsOf = (
  { label, tags, kind, hexcode }: Emoji,
  facts: Pick<Caption, 'key' | 'caption' | 'vendor' | 'split'>,
): Caption => ({ ...facts, label, tags, kind, hexcode });

/** The loader crops and flips; turning, shrinking and the background are ours to vary. */
const poseOf = (key: string): Pose => ({
  background: BACKGROUNDS[Math.floor(hashFraction(`${key} background`) * BACKGROUNDS.length)]!,
  angle: (hashFraction(`${key} angle`) - 0.5) * 30,
  zoom: 0.8 + 0.2 * hashFraction(`${key} zoom`),
});

function* render(drafts: Draft[], sheets: Map<Vendor, Sheet>): Generator<Sample<Caption>> {
  for (const { cell, pose, facts } of drafts) {
    yield { picture: encodePng(draw(sheets.get(facts.vendor)!, cell, pose), SIDE), facts };
  }
}

function shuffled(drafts: Draft[]): Draft[] {
  const order = new Map(drafts.map((draft) => [draft, hashFraction(draft.facts.key)]));
  return drafts.toSorted((a, b) => order.get(a)! - order.get(b)!);
}
