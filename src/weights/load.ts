import { isHead } from '../models/depth.ts';
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import type { NamedParams } from '../nn/module.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import { checkedTable } from './account.ts';
import type { Correspondence, Part } from './correspondence.ts';
import { readTensors, type WeightFiles } from './files.ts';
import type { FoundWeights } from './find.ts';
import { fitted } from './fit.ts';
import type { OurVit } from './layouts/tables.ts';
import { valuesOf } from './values.ts';

export interface LoadTarget {
  /** All tensors of the method, by Couplet's names. */
  tensors: NamedParams;
  /** Sizes of the model that they belong to. */
  model: AnyModelSpec;
  ours: OurVit;
  /** Which part of the model comes from the file. */
  part: 'all' | 'image' | 'text';
}

export interface LoadReport {
  /** Names of the method's tensors that have a file's numbers now. */
  loaded: ReadonlySet<string>;
  /** What was resized, what was left out, and what starts at random. */
  remarks: string[];
}

/**
 * Overwrites a method's tensors by those of a file. Throws a CoupletError that lists the tensors which are missing, unexpected or of
 * another shape; then nothing is loaded.
 */
export async function loadWeights(found: FoundWeights, target: LoadTarget): Promise<LoadReport> {
  const { table, leftOut } = checkedTable(found, target.ours);
  const wanted = table.filter(
    ({ ours: [first] }) => isWanted(first!.name!, target, found.model) && hasPlace(first!, target),
  );
  const exact = found.own ? sameTensors(found.own, target) : [];
  const values = await readValues(found.files, wanted);
  const copies = found.own ? await readValues(found.own, exact) : new Map<string, Tensor>();
  const loaded = new Set<string>();
  const resized = new Set<string>();
  const assign = (name: string, value: Tensor) => {
    const tensor = target.tensors.get(name)!;
    tensor.copy_(value.view(...tensor.shape));
    loaded.add(name);
  };
  try {
    scope(() =>
      noGrad(() => {
        const ready = [...values].map(([name, value]) => {
          const fit = fitted(value, { name, from: found.model, to: target.model, ours: target.ours });
          if (fit.remark) resized.add(fit.remark);
          return [name, fit.value] as const;
        });
        for (const [name, value] of ready)
          for (const each of namesOf(name, target.tensors)) assign(each, value);
        for (const [name, value] of copies) assign(name, value);
      }),
    );
  } finally {
    for (const value of [...values.values(), ...copies.values()]) value.dispose();
  }
  const skipped = table.length - wanted.length;
  const random = [...target.tensors.keys()].filter((name) => !loaded.has(name));
  return {
    loaded,
    remarks: [
      ...resized,
      ...leftOut,
      ...(skipped > 0 ? [`${skipped} tensors of parts that this model has not are left out`] : []),
      ...(random.length > 0
        ? [`${first(random)} of this run's own start as they would without weights`]
        : []),
    ],
  };
}

const first = (names: readonly string[]) =>
  names.length <= 3 ? names.join(', ') : `${names.length} tensors (${names[0]}, ...)`;

/** A head is dropped where the run has another, or none. */
function hasPlace({ name, shape }: Part, { tensors }: LoadTarget): boolean {
  if (!isHead(name!)) return true;
  const here = tensors.get(name!)?.shape;
  return here?.length === shape.length && shape.every((size, axis) => size === here[axis]);
}

/** Whether the run has a tensor, and takes it from this file. */
function isWanted(name: string, { ours, part, model }: LoadTarget, stored: AnyModelSpec): boolean {
  const isImage = name.startsWith(ours.prefix);
  const isProjection = name === `${ours.prefix}proj`;
  if (!hasTexts(model)) return isImage && !isProjection;
  if (part === 'text') return !isImage && !name.startsWith('logit_');
  if (!isImage) return part === 'all' && hasTexts(stored);
  return !isProjection || (hasTexts(stored) && stored.embedDim === model.embedDim);
}

/** A moving copy of a net starts like the net. */
const namesOf = (name: string, tensors: NamedParams): string[] =>
  [...tensors.keys()].filter(
    (each) => each === name || (name.startsWith('backbone.') && each.endsWith(`.${name}`)),
  );

/** Of a run with the same method all tensors are the same, heads and moving copies too. */
function sameTensors({ tensors: stored }: WeightFiles, { tensors, part }: LoadTarget): Correspondence[] {
  const isSame = (name: string, shape: readonly number[]) => {
    const other = stored.get(name)?.shape;
    return other?.length === shape.length && other.every((size, axis) => size === shape[axis]);
  };
  if (part !== 'all') return [];
  return [...tensors]
    .filter(([name, { shape }]) => isSame(name, shape))
    .map(([name, { shape }]) => ({ ours: [{ name, shape }], theirs: [{ name, shape }] }));
}

/** By Couplet's names. The caller disposes the tensors. */
async function readValues(
  files: WeightFiles,
  table: readonly Correspondence[],
): Promise<Map<string, Tensor>> {
  const values = new Map<string, Tensor>();
  for (const entry of table) {
    const names = entry.theirs.flatMap(({ name }) => name ?? []);
    const read = await readTensors(files, names);
    for (const [name, value] of valuesOf(entry, read, files.path)) values.set(name, value);
  }
  return values;
}
