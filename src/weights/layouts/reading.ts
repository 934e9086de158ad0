// What the layouts ask of a file.
import { CoupletError } from '../../errors.ts';
import type { Activation } from '../../nn/activation.ts';
import type { Json, WeightFiles } from '../files.ts';

/** Throws a CoupletError that names the weights. */
export function refuse({ path }: Pick<WeightFiles, 'path'>, what: string): never {
  throw new CoupletError(`model.from: ${path}: ${what}`);
}

function shapeOf(files: WeightFiles, name: string): readonly number[] {
  return files.tensors.get(name)?.shape ?? refuse(files, `it has no tensor ${name}.`);
}

/** A dimension of a tensor. */
export function sizeOf(files: WeightFiles, name: string, axis: number): number {
  const shape = shapeOf(files, name);
  return shape[axis] ?? refuse(files, `${name} is [${shape.join(', ')}], expected more dimensions.`);
}

/** The number of blocks `prefix` 0, 1, ... Throws where one is missing. */
export function countBlocks(files: WeightFiles, prefix: string): number {
  const indices = new Set<number>();
  for (const name of files.tensors.keys()) {
    const index = name.startsWith(prefix) ? /^\d+(?=\.)/.exec(name.slice(prefix.length))?.[0] : undefined;
    if (index !== undefined) indices.add(Number(index));
  }
  for (let index = 0; index < indices.size; index++)
    if (!indices.has(index))
      refuse(files, `it has no tensors ${prefix}${index}., but has some of later blocks. Download it again.`);
  return indices.size;
}

/** The part of a config at `keys`, an empty one where there is none. */
export function partOf(config: Json | undefined, ...keys: string[]): Json {
  let value: unknown = config ?? {};
  for (const key of keys) value = isJson(value) ? value[key] : undefined;
  return isJson(value) ? value : {};
}

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A config's number; `fallback` where it says nothing. */
export function numberOf(files: WeightFiles, part: Json, key: string, fallback: number): number {
  const value = part[key];
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  return refuse(files, `its config says ${key}: ${JSON.stringify(value)}, expected a positive number.`);
}

/** Throws where the config contradicts a tensor. */
export function agree(files: WeightFiles, part: Json, sizes: Readonly<Record<string, number>>): void {
  for (const [key, size] of Object.entries(sizes)) {
    const said = numberOf(files, part, key, size);
    if (said !== size)
      refuse(
        files,
        `its config says ${key} ${said}, but the tensors have ${size}. Take both from one place.`,
      );
  }
}

/** Of released ViTs whose heads have not 64 channels: SigLIP's So400m and giant-opt, and ViT-H, -g and -G. */
const HEADS: Readonly<Record<number, number>> = { 1152: 16, 1280: 16, 1408: 16, 1536: 16, 1664: 16 };

/** Of attention: the config's, else those of released models of this width. */
export function headsOf(files: WeightFiles, said: unknown, width: number): number {
  const heads = typeof said === 'number' ? said : (HEADS[width] ?? width / 64);
  if (Number.isInteger(heads) && heads > 0 && width % heads === 0) return heads;
  return refuse(
    files,
    typeof said === 'number'
      ? `its config says ${heads} heads, which do not divide the width ${width}.`
      : `no config says how many heads a width of ${width} has. Put its config.json beside it, or give model.image.heads.`,
  );
}

/** A square grid's side from its number of cells. */
export function sideOf(files: WeightFiles, cells: number): number {
  const side = Math.sqrt(cells);
  return Number.isInteger(side)
    ? side
    : refuse(files, `its positions are of ${cells} patches, expected a square grid.`);
}

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  quick_gelu: 'quick-gelu',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_tanh: 'gelu-tanh',
  gelu_new: 'gelu-tanh',
};

/** By the name that transformers or timm has for it. */
export function activationOf(
  files: WeightFiles,
  said: unknown,
  fallback: Activation,
): { activation?: Activation } {
  const known = said === undefined || said === null ? fallback : ACTIVATIONS[String(said)];
  if (!known)
    return refuse(
      files,
      `its activation is ${JSON.stringify(said)}; Couplet has ${Object.keys(ACTIVATIONS).join(', ')}.`,
    );
  return known === 'gelu' ? {} : { activation: known };
}
