import { CoupletError } from '../errors.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { openWeights, type WeightFiles, withoutPrefix } from './files.ts';
import type { LayoutDefinition } from './layout.ts';
import { layouts } from './layouts/index.ts';
import { findOwnRun } from './own-run.ts';
import { type Pixels, pixelsOf } from './pixels.ts';

/** What a path holds. */
export interface FoundWeights {
  /** As it was given. */
  path: string;
  files: WeightFiles;
  layout: LayoutDefinition;
  /** All tensors of one of our runs, by their names there. */
  own?: WeightFiles;
  /** In messages. */
  title: string;
  /** Sizes of the model in the file. */
  model: AnyModelSpec;
  /** How its pictures are normalised. */
  pixels?: Pixels;
  /** A config's `data.tokenizer`. */
  tokenizer?: unknown;
}

/**
 * Recognises weights by their tensors, and reads all sizes.
 * @param given sizes that tensors do not tell
 * Throws a CoupletError for none, a family that Couplet does not know, and a
 * config that contradicts the tensors.
 */
export function findWeights(path: string, given: Pick<WeightFiles, 'heads'> = {}): FoundWeights {
  const run = findOwnRun(path);
  if (run) return run;
  const files = { ...openWeights(path), ...given };
  for (const layout of layouts) {
    const prefix = layout.prefixes.find((each) =>
      layout.marks.every((mark) => files.tensors.has(each + mark)),
    );
    if (prefix === undefined) continue;
    const own = withoutPrefix(files, prefix);
    const pixels = pixelsOf(files);
    return {
      path,
      files: own,
      layout,
      title: layout.title,
      model: layout.model(own),
      ...(pixels && { pixels }),
      ...(files.tokenizer !== undefined && { tokenizer: { type: 'file', path: files.tokenizer } }),
    };
  }
  const names = [...files.tensors.keys()];
  throw new CoupletError(
    `model.from: ${path} is of no family that Couplet knows. Its first tensors are ${names.slice(0, 4).join(', ')}; known are ${[...new Set(layouts.map(({ title }) => title))].join(', ')}, and runs of Couplet.`,
  );
}
