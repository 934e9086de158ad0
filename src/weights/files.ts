import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import type { HostTensor } from '../io/host-tensor.ts';
import { readJsonFile } from '../io/json-file.ts';
import { openSafetensors, readSafetensorsHeader, type SafetensorsFile } from '../io/safetensors.ts';
import { systemFailure } from '../io/system-error.ts';

export type Json = Readonly<Record<string, unknown>>;

/** What lies at a path: names and shapes of all tensors, and the files beside them. Nothing is checked against a family yet. */
export interface WeightFiles {
  /** As it was given, for messages. */
  path: string;
  /** Of config.json or open_clip_config.json. */
  config?: Json;
  /** Of preprocessor_config.json. */
  preprocessor?: Json;
  /** A tokenizer.json beside the weights. */
  tokenizer?: string;
  /** A config's `model.image.heads`, for files that do not say it. */
  heads?: number;
  tensors: ReadonlyMap<string, Omit<HostTensor, 'data'>>;
  /** The file of each tensor, and its name there. */
  places: ReadonlyMap<string, { file: string; name: string }>;
}

const anyObject = z.record(z.string(), z.unknown());
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** In order: the first that is there holds the weights. */
const WEIGHTS = ['model.safetensors', 'open_clip_model.safetensors'];
const INDEX = 'model.safetensors.index.json';
const PICKLES = /\.(pt|pth|bin|ckpt|pkl)$/i;
const OTHERS = /\.(npz|h5|msgpack|onnx|gguf)$/i;

const CONVERT = `Pickles can run code, so Couplet reads safetensors only. Convert it where you trust it:
  python -c "import sys, torch; from safetensors.torch import save_file; d = torch.load(sys.argv[1], map_location='cpu', weights_only=True); d = next((d[k] for k in ('state_dict', 'model', 'teacher') if isinstance(d.get(k), dict)), d); save_file({k: v.clone().contiguous() for k, v in d.items() if hasattr(v, 'shape')}, sys.argv[2])" `;

/** OpenAI's files are programs (TorchScript), which torch.load() refuses. */
const SCRIPTS = `\nFor OpenAI's own CLIP files write torch.jit.load(sys.argv[1], map_location='cpu').state_dict() instead of torch.load(...).`;

const quoted = (path: string) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);

/**
 * The weights at a path: a safetensors file, or a folder with one (or with an index of several).
 * Throws a CoupletError when there are none, for a pickle, and for a damaged file.
 */
export function openWeights(path: string): WeightFiles {
  if (!existsSync(path))
    throw new CoupletError(
      `model.from: there is no file or folder ${path}. Relative paths start where the command runs.`,
    );
  const isFolder = statSync(path).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const places = isFolder ? placesIn(path) : placesOf(checkEnding(path));
  const tokenizer = join(folder, 'tokenizer.json');
  const config = firstJson(folder, ['open_clip_config.json', 'config.json']);
  const preprocessor = firstJson(folder, ['preprocessor_config.json']);
  return {
    path,
    ...(config && { config }),
    ...(preprocessor && { preprocessor }),
    ...(existsSync(tokenizer) && { tokenizer }),
    ...places,
  };
}

const firstJson = (folder: string, names: string[]): Json | undefined => {
  const path = names.map((name) => join(folder, name)).find((each) => existsSync(each));
  return path === undefined
    ? undefined
    : readJsonFile(path, anyObject, 'It lies beside the weights of model.from: write it again.');
};

type Places = Pick<WeightFiles, 'tensors' | 'places'>;

function placesOf(file: string): Places {
  const { entries } = readSafetensorsHeader(file);
  return {
    tensors: new Map([...entries].map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
    places: new Map([...entries.keys()].map((name) => [name, { file, name }])),
  };
}

function checkEnding(path: string): string {
  if (PICKLES.test(path))
    throw new CoupletError(
      `model.from: ${path} is no safetensors file. ${CONVERT}${quoted(path)} ${quoted(`${path.slice(0, -extname(path).length)}.safetensors`)}${SCRIPTS}`,
    );
  if (OTHERS.test(path))
    throw new CoupletError(
      `model.from: ${path} is no safetensors file. Save the model as safetensors by the program that made it.`,
    );
  return path;
}

function placesIn(folder: string): Places {
  if (existsSync(join(folder, INDEX))) return placesOfIndex(folder);
  const name = WEIGHTS.find((each) => existsSync(join(folder, each)));
  if (name) return placesOf(join(folder, name));
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw systemFailure(error, 'Cannot list', folder);
  }
  const files = names.filter((each) => each.endsWith('.safetensors'));
  if (files.length === 1) return placesOf(join(folder, files[0]!));
  if (files.length > 1)
    throw new CoupletError(
      `model.from: ${folder} has ${files.length} safetensors files (${files.slice(0, 3).join(', ')}) and no ${INDEX}: name the file that is meant.`,
    );
  const pickle = names.find((each) => PICKLES.test(each)) ?? names.find((each) => OTHERS.test(each));
  if (pickle) checkEnding(join(folder, pickle));
  throw new CoupletError(
    `model.from: ${folder} has no weights: expected ${WEIGHTS[0]}, ${INDEX}, ${WEIGHTS[1]}, or the folder of a run.`,
  );
}

function placesOfIndex(folder: string): Places {
  const path = join(folder, INDEX);
  const { weight_map: map } = readJsonFile(path, indexSchema, 'Download it again.', { anyKeys: true });
  const shards = new Map<string, Places>();
  const tensors = new Map<string, Omit<HostTensor, 'data'>>();
  const places = new Map<string, { file: string; name: string }>();
  for (const [name, shard] of Object.entries(map)) {
    if (basename(shard) !== shard)
      throw new CoupletError(`${path}: ${name} lies in ${shard}: expected a file of the same folder.`);
    if (!shards.has(shard)) shards.set(shard, placesOf(join(folder, shard)));
    const described = shards.get(shard)!.tensors.get(name);
    if (!described)
      throw new CoupletError(
        `${path} says that ${name} lies in ${shard}, which has no such tensor. Download both again.`,
      );
    tensors.set(name, described);
    places.set(name, { file: join(folder, shard), name });
  }
  return { tensors, places };
}

/** The same files, with names without a prefix that all tensors of a model have; other tensors keep theirs. */
export function withoutPrefix(files: WeightFiles, prefix: string): WeightFiles {
  if (prefix === '') return files;
  const strip = <Value>(map: ReadonlyMap<string, Value>) =>
    new Map(
      [...map].map(([name, value]) => [name.startsWith(prefix) ? name.slice(prefix.length) : name, value]),
    );
  return { ...files, tensors: strip(files.tensors), places: strip(files.places) };
}

/** Reads tensors one at a time; each file is opened once. */
export async function readTensors(
  { places }: WeightFiles,
  names: readonly string[],
): Promise<Map<string, HostTensor>> {
  const open = new Map<string, SafetensorsFile>();
  try {
    const found = new Map<string, HostTensor>();
    for (const name of names) {
      const { file, name: stored } = places.get(name)!;
      if (!open.has(file)) open.set(file, await openSafetensors(file));
      found.set(name, await open.get(file)!.read(stored));
    }
    return found;
  } finally {
    for (const file of open.values()) await file.close();
  }
}
