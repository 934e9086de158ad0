import { join } from 'node:path';
import { CoupletError } from '../../src/errors.ts';
import type { DataSet } from './data-set.ts';
import { type Draft, sha256, writeClasses, writeJson, writeShards } from './shards.ts';
import { openSource, type Source } from './source.ts';
import { writeWholeFolder } from './whole-folder.ts';

const CLASSES = 100;
const TEMPLATES = [
  'a photo of a {}',
  'a small picture of a {}',
  'a blurry photo of a {}',
  'a close-up of a {}',
  'a {} in the picture',
  'an image showing a {}',
  'there is a {} here',
  'a cropped photo of the {}',
];

/**
 * Half of the classes of Tiny ImageNet: the hundred whose sha256 of `split:WNID` is least, by name. Each picture has a caption
 * of a template and one of the names that WordNet has for its class; a hash of the file's name chooses both.
 */
export const tinyImagenet100: DataSet = {
  name: 'tiny-imagenet-100',
  summary: '55,000 photos of 64 pixels in 100 classes with captions, from tiny-imagenet-200.zip',
  download: {
    file: 'tiny-imagenet-200.zip',
    url: 'http://cs231n.stanford.edu/tiny-imagenet-200.zip',
    size: '237 MB',
    otherwise: 'Or give --from the unpacked folder tiny-imagenet-200.',
  },
  expected: { train: 50_000, val: 5000 },
  async build(out, { from }) {
    const source = await openSource(from!, 'tiny-imagenet-200');
    try {
      const classes = chosenClasses(source, from!);
      return await writeWholeFolder(out, async (folder) => {
        const parts = {
          train: await writeShards(folder, 'train', trainDrafts(source, classes)),
          val: await writeShards(folder, 'val', valDrafts(source, { classes, from: from! })),
        };
        await writeClasses(folder, [...classes.values()]);
        await writeJson(join(folder, 'dataset.json'), { name: 'tiny-imagenet-100', parts });
        return parts;
      });
    } finally {
      source.close();
    }
  },
};

interface Class {
  label: number;
  /** WordNet's id, such as n01443537. */
  wnid: string;
  names: string[];
}

function chosenClasses(source: Source, from: string): Map<string, Class> {
  const names = new Map(
    lines(source, 'words.txt', from).map((line) => {
      const [wnid, words = ''] = line.split('\t');
      return [wnid!, words.split(', ')];
    }),
  );
  const chosen = lines(source, 'wnids.txt', from)
    .map((wnid) => ({ wnid, hash: sha256(`split:${wnid}`) }))
    .sort((a, b) => Buffer.compare(a.hash, b.hash))
    .slice(0, CLASSES)
    .map(({ wnid }) => wnid)
    .sort();
  return new Map(
    chosen.map((wnid, label) => {
      const known = names.get(wnid);
      if (!known)
        throw new CoupletError(`${from}: words.txt has no name for ${wnid}, which wnids.txt lists.`);
      return [wnid, { label, wnid, names: known }];
    }),
  );
}

function lines({ files }: Source, name: string, from: string): string[] {
  const read = files.get(name);
  if (!read) throw new CoupletError(`${from} has no ${name}: is it Tiny ImageNet (tiny-imagenet-200)?`);
  return read()
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(Boolean);
}

function trainDrafts({ files }: Source, classes: Map<string, Class>): Draft[] {
  return [...files].flatMap(([path, read]): Draft[] => {
    const [, wnid, file] = /^train\/(n\d+)\/images\/([^/]+\.JPEG)$/.exec(path) ?? [];
    const known = classes.get(wnid ?? '');
    return known ? [draftOf(known, { part: 'train', file: file!, bytes: read() })] : [];
  });
}

function valDrafts(
  source: Source,
  { classes, from }: { classes: Map<string, Class>; from: string },
): Draft[] {
  return lines(source, 'val/val_annotations.txt', from).flatMap((line): Draft[] => {
    const [file, wnid] = line.split('\t');
    const known = classes.get(wnid ?? '');
    if (!known) return [];
    const read = source.files.get(`val/images/${file}`);
    if (!read) throw new CoupletError(`${from} has no val/images/${file}, which val_annotations.txt lists.`);
    return [draftOf(known, { part: 'val', file: file!, bytes: read() })];
  });
}

function draftOf(
  { label, wnid, names }: Class,
  { part, file, bytes }: { part: string; file: string; bytes: Buffer },
): Draft {
  const caption = captionOf(names, sha256(`cap:${part}${file}`));
  return {
    original: file,
    picture: { ending: 'jpg', bytes },
    facts: { caption, label, wnid, original: file },
  };
}

const captionOf = (names: string[], hash: Buffer): string =>
  TEMPLATES[hash[1]! % TEMPLATES.length]!.replace('{}', names[hash[0]! % names.length]!).replace(
    /\ba (?=[aeiou])/g,
    'an ',
  );
