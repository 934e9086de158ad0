import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWholeFolder } from '../../scripts/data-sets/whole-folder.ts';
import { CoupletError } from '../../src/errors.ts';
import { hashFraction } from '../hash-fraction.ts';
import { shareOfWordsIn } from '../words.ts';
import { captionOf, queryOf } from './captions.ts';
import { type Drawing, isColoured, readDrawing } from './drawing.ts';
import { type Icon, nameKey } from './icon.ts';
import { loadLucide, loadTrainingPacks, packsInstalled } from './packs.ts';
import { type Draft, type PartSummary, writePart } from './part.ts';
import { PLAIN, type Pose, poseOf } from './pose.ts';
import { splitByName, withoutRepeats } from './split.ts';

/** What was written. */
export interface IconData {
  size: number;
  train: PartSummary;
  val: PartSummary & Familiar;
  lucide: PartSummary & Familiar;
  /** Drawings that no part holds: of held-out names, but not the one that is shown. */
  setAside: number;
}

/** How much a test part shares with the training captions. */
interface Familiar {
  /** Pairs whose name, in any order of its words, is trained on in another drawing. */
  namesInTraining: number;
  captionsInTraining: number;
  /** Share of the words of its captions. */
  wordsInTraining: number;
}

/** Writes the shards into `folder`, in place of what is there. */
export async function buildIconData(folder: string, size: number): Promise<IconData> {
  if (!packsInstalled())
    throw new CoupletError(
      'The icon packs are missing (306 MB). Run: npm ci --ignore-scripts --prefix demos/icon-search',
    );
  return writeWholeFolder(folder, async (building) => {
    const data = await writeAll(building, size);
    await writeFile(join(building, 'dataset.json'), `${JSON.stringify(data, null, 2)}\n`);
    return data;
  });
}

async function writeAll(folder: string, size: number): Promise<IconData> {
  const drawings = new Map<Icon, Drawing>();
  const load = (icons: Icon[]) => {
    for (const icon of icons) drawings.set(icon, readDrawing(readFileSync(icon.file, 'utf8')));
    return icons.filter((icon) => !isColoured(drawings.get(icon)!));
  };
  const icons = withoutRepeats(load(await loadTrainingPacks()), (icon) => drawings.get(icon)!.body);
  const split = splitByName(icons);
  const draft = (icon: Icon, { caption, pose }: { caption: string; pose?: Pose }): Draft => {
    const key = [icon.pack, icon.id, icon.style].filter(Boolean).join('-');
    return { drawing: drawings.get(icon)!, icon, key, caption, pose: pose ?? poseOf(key) };
  };
  const train = shuffled(split.train.map((icon) => draft(icon, { caption: captionOf(icon) })));
  const val = withoutEqualCaptions(split.val.map((icon) => draft(icon, { caption: captionOf(icon) })));
  const lucide = load(loadLucide()).map((icon) => draft(icon, { caption: queryOf(icon), pose: PLAIN }));
  const write = (part: string, drafts: Draft[]) => writePart(folder, { part, drafts, size });
  return {
    size,
    train: await write('train', train),
    val: { ...(await write('val', val)), ...familiar(val, train) },
    lucide: { ...(await write('lucide', lucide)), ...familiar(lucide, train) },
    setAside: split.setAside.length + split.val.length - val.length,
  };
}

/** A fixed shuffle, so that even reading in order mixes packs. */
const shuffled = (drafts: Draft[]): Draft[] => {
  const order = new Map(drafts.map((draft) => [draft, hashFraction(`order ${draft.key}`)]));
  return drafts.toSorted((a, b) => order.get(a)! - order.get(b)!);
};

/** A test has one right picture for each caption. */
function withoutEqualCaptions(drafts: Draft[]): Draft[] {
  const seen = new Set<string>();
  return drafts.filter(({ caption }) => !seen.has(caption) && seen.add(caption));
}

function familiar(test: Draft[], train: Draft[]): Familiar {
  const names = new Set(train.map(({ icon }) => nameKey(icon.name)));
  const captions = new Set(train.map(({ caption }) => caption));
  return {
    namesInTraining: test.filter(({ icon }) => names.has(nameKey(icon.name))).length,
    captionsInTraining: test.filter(({ caption }) => captions.has(caption)).length,
    wordsInTraining: shareOfWordsIn(
      [...captions],
      test.map(({ caption }) => caption),
    ),
  };
}
