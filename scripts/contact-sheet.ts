/**
 * Draws what a method sees. A row has a picture, then two draws of each of its views.
 *   node --import jiti/register scripts/contact-sheet.ts CONFIG.ts --out sheet.png
 *   node --import jiti/register scripts/contact-sheet.ts FOLDER --out sheet.png [--recipe moco-v3|simclr|dino] [--size 64]
 * Also: [--pictures 8] [--draws 2] [--seed 0] [--device cpu]
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { loadConfig } from '../src/config/index.ts';
import { openDataset } from '../src/data/dataset/dataset.ts';
import { Reader } from '../src/data/dataset/reader.ts';
import { randomResizedCrop } from '../src/data/pictures/crop.ts';
import { boxView, cutLarge, openPicture } from '../src/data/pictures/decode.ts';
import { Draws, purpose } from '../src/data/random.ts';
import { CoupletError } from '../src/errors.ts';
import { methods } from '../src/methods/index.ts';
import { type AnyModelSpec, modelSpec } from '../src/models/registry.ts';
import { resolveDevice, scope, tensor } from '../src/torch/index.ts';
import {
  applyPhotometric,
  dinoRecipes,
  drawPhotometric,
  mocoV3Recipes,
  simclrRecipes,
  type ViewRecipe,
} from '../src/views/index.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    recipe: { type: 'string', default: 'moco-v3' },
    size: { type: 'string', default: '64' },
    pictures: { type: 'string', default: '8' },
    draws: { type: 'string', default: '2' },
    seed: { type: 'string', default: '0' },
    device: { type: 'string', default: 'cpu' },
  },
});
const [from] = positionals;
if (!from || !flags.out) {
  throw new CoupletError('contact-sheet: expected CONFIG.ts or FOLDER and --out sheet.png.');
}
const device = resolveDevice(flags.device);
const seed = Number(flags.seed);
const GAP = 4;

interface Sheet {
  recipes: ViewRecipe[];
  /** Encoded. */
  pictures: Uint8Array[];
}

const sheet = statSync(from).isDirectory() ? sheetOfFolder(from) : await sheetOfConfig(from);
await writeSheet(sheet, flags.out);

function sheetOfFolder(folder: string): Sheet {
  const size = Number(flags.size);
  const named: Record<string, () => ViewRecipe[]> = {
    'moco-v3': () => mocoV3Recipes(size),
    simclr: () => simclrRecipes(size),
    dino: () => dinoRecipes({ globalSize: size, localSize: Math.round((size * 96) / 224), localCrops: 4 }),
  };
  const recipes = named[flags.recipe]?.();
  if (!recipes) {
    throw new CoupletError(
      `--recipe ${flags.recipe} is not known: expected one of ${Object.keys(named).join(', ')}.`,
    );
  }
  const files = readdirSync(folder, { recursive: true }).map(String).sort();
  const images = files.filter((file) => /\.(jpe?g|png|webp)$/i.test(file));
  if (images.length === 0)
    throw new CoupletError(`${folder}: expected JPEG, PNG or WebP pictures, found none.`);
  return { recipes, pictures: spread(images).map((file) => readFileSync(join(folder, file))) };
}

async function sheetOfConfig(path: string): Promise<Sheet> {
  const config = await loadConfig(path);
  const dataset = await openDataset([config.data.train].flat());
  const reader = new Reader(dataset.index);
  const pictures = spread(Array.from({ length: dataset.size }, (_, id) => id)).map((id) => reader.image(id));
  reader.close();
  dataset.close();
  const imageSize = modelSpec(config.model as string | AnyModelSpec).image.imageSize;
  const context = { options: config.method, imageSize, data: config.data };
  return { recipes: methods[config.method.name].views(context as never), pictures };
}

/** --pictures of a list, evenly spread. */
function spread<T>(list: readonly T[]): T[] {
  const count = Math.min(Number(flags.pictures), list.length);
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]!);
}

/** [S, S, 3] bytes of the random crop of one view of the picture at `position`. */
async function crop(
  bytes: Uint8Array,
  recipe: ViewRecipe,
  place: { position: number; view: number },
): Promise<Buffer> {
  const picture = await openPicture(bytes, { minSide: 1, maxPixels: 1e8 });
  const key = [seed, place.position, place.view] as const;
  const box = randomResizedCrop(picture.size, recipe.crop, new Draws(...key, purpose.crop));
  const isMirrored = new Draws(...key, purpose.flip).unit() < recipe.flip;
  const target = Buffer.alloc(recipe.size ** 2 * 3);
  const { interpolation } = recipe.crop;
  await cutLarge(picture, boxView(box, recipe.size, isMirrored), { target, offset: 0, interpolation });
  return target;
}

/** One view of every picture, [S, S, 3] bytes each. `draw` counts how often the pictures have been seen. */
async function column(
  recipe: ViewRecipe,
  { pictures, view, draw }: { pictures: readonly Uint8Array[]; view: number; draw: number },
): Promise<Buffer[]> {
  const positions = pictures.map((_, i) => draw * pictures.length + i);
  const crops = await Promise.all(
    pictures.map((bytes, i) => crop(bytes, recipe, { position: positions[i]!, view })),
  );
  const { size } = recipe;
  const pixels = scope(() => {
    const images = tensor(new Uint8Array(Buffer.concat(crops)), [crops.length, size, size, 3], { device });
    return applyPhotometric(images, recipe, drawPhotometric(recipe, { seed, positions, view })).toNumbers();
  });
  const length = size * size * 3;
  return crops.map((_, i) => Buffer.from(pixels.slice(i * length, (i + 1) * length).map(Math.round)));
}

async function writeSheet({ recipes, pictures }: Sheet, out: string): Promise<void> {
  const cell = Math.max(64, ...recipes.map(({ size }) => size));
  const shapes = { width: cell, height: cell };
  const originals = pictures.map((bytes) =>
    sharp(bytes)
      .flatten({ background: '#fff' })
      .resize({ ...shapes, fit: 'contain', background: '#fff' })
      .png()
      .toBuffer(),
  );
  const columns = [await Promise.all(originals)];
  for (const [view, recipe] of recipes.entries()) {
    for (let draw = 0; draw < Number(flags.draws); draw++) {
      const raw = { width: recipe.size, height: recipe.size, channels: 3 as const };
      const cells = await column(recipe, { pictures, view, draw });
      columns.push(await Promise.all(cells.map((pixels) => sharp(pixels, { raw }).png().toBuffer())));
    }
  }
  const composites = columns.flatMap((cells, x) =>
    cells.map((input, y) => ({ input, left: GAP + x * (cell + GAP), top: GAP + y * (cell + GAP) })),
  );
  const canvas = {
    width: GAP + columns.length * (cell + GAP),
    height: GAP + pictures.length * (cell + GAP),
    channels: 3 as const,
    background: '#888',
  };
  await sharp({ create: canvas }).composite(composites).png().toFile(out);
  console.log(
    `${out}: ${pictures.length} pictures; the picture, then ${recipes.length} views, ${flags.draws} draws of each`,
  );
}
