import { join } from 'node:path';
import { CoupletError } from '../../src/errors.ts';
import type { DataSet } from './data-set.ts';
import { encodePng } from './png.ts';
import { type Draft, writeClasses, writeJson, writeShards } from './shards.ts';
import { openSource, type Source } from './source.ts';
import { writeWholeFolder } from './whole-folder.ts';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
const SIDE = 32;
const PLANE = SIDE * SIDE;
/** One sample of a .bin file: its label, then the red, the green and the blue pixels. */
const RECORD = 1 + 3 * PLANE;

/**
 * The archive's own pixels as PNG, or a folder's pictures as they are. docs/results was measured on a folder of JPEG copies, so
 * accuracies from the archive may differ a little.
 */
export const cifar10: DataSet = {
  name: 'cifar10',
  summary: '60,000 photos of 32 pixels in 10 classes, from cifar-10-binary.tar.gz',
  download: {
    file: 'cifar-10-binary.tar.gz',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    size: '162 MB',
    otherwise:
      'The binary version, not the one for Python. Or give --from a folder of its pictures, train/CLASS/*.jpg and test/CLASS/*.jpg (png too).',
  },
  expected: { train: 50_000, test: 10_000 },
  async build(out, { from }) {
    const source = await openSource(from!, 'cifar-10-batches-bin');
    try {
      return await writeWholeFolder(out, async (folder) => {
        const parts = {
          train: await writeShards(folder, 'train', draftsOf(source, 'train', from!)),
          test: await writeShards(folder, 'test', draftsOf(source, 'test', from!)),
        };
        await writeClasses(
          folder,
          CLASSES.map((name, label) => ({ label, names: [name] })),
        );
        await writeJson(join(folder, 'dataset.json'), { name: 'cifar10', parts });
        return parts;
      });
    } finally {
      source.close();
    }
  },
};

function draftsOf({ files }: Source, part: 'train' | 'test', from: string): Draft[] {
  const batches = part === 'train' ? /^data_batch_\d\.bin$/ : /^test_batch\.bin$/;
  const names = [...files.keys()].sort();
  const drafts = names.some((name) => batches.test(name))
    ? names
        .filter((name) => batches.test(name))
        .flatMap((name) => binaryDrafts(files.get(name)!(), { name, part }))
    : pictureDrafts(files, names, part);
  if (drafts.length > 0) return drafts;
  throw new CoupletError(
    `${from} has no ${part} pictures of CIFAR-10: expected data_batch_1.bin to data_batch_5.bin and test_batch.bin, or train/airplane/*.jpg and so on.`,
  );
}

function binaryDrafts(batch: Buffer, { name, part }: { name: string; part: string }): Draft[] {
  if (batch.length % RECORD !== 0)
    throw new CoupletError(
      `${name} has ${batch.length} bytes, which are no whole samples of ${RECORD}: it was cut.`,
    );
  return Array.from({ length: batch.length / RECORD }, (_, row) => {
    const record = batch.subarray(row * RECORD, (row + 1) * RECORD);
    const label = record[0]!;
    if (label >= CLASSES.length)
      throw new CoupletError(
        `${name}: sample ${row} has the label ${label}, expected 0 to 9: it is damaged.`,
      );
    return {
      original: `${part}/${CLASSES[label]}/${name}-${row}`,
      picture: { ending: 'png', bytes: encodePng(interleaved(record.subarray(1)), SIDE) },
      facts: { label },
    };
  });
}

/** Three planes of a colour each as pixels of three colours each. */
function interleaved(planes: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(3 * PLANE);
  for (let colour = 0; colour < 3; colour++)
    for (let at = 0; at < PLANE; at++) pixels[3 * at + colour] = planes[colour * PLANE + at]!;
  return pixels;
}

const PICTURE = /^(train|test)\/([a-z]+)\/[^/]+\.(jpe?g|png)$/i;

function pictureDrafts(files: Source['files'], names: string[], part: string): Draft[] {
  return names.flatMap((original): Draft[] => {
    const [, folder, kind, ending] = PICTURE.exec(original) ?? [];
    if (folder !== part) return [];
    const label = CLASSES.indexOf(kind!);
    if (label < 0)
      throw new CoupletError(
        `${original}: there is no class ${kind} in CIFAR-10. Its classes: ${CLASSES.join(', ')}.`,
      );
    const picture = {
      ending: /png/i.test(ending!) ? ('png' as const) : ('jpg' as const),
      bytes: files.get(original)!(),
    };
    return [{ original, picture, facts: { label } }];
  });
}
