import type { AnyModelSpec } from '../models/registry.ts';
import type { Correspondence } from './correspondence.ts';
import type { WeightFiles } from './files.ts';
import type { OurVit } from './layouts/tables.ts';

export interface LayoutDefinition {
  /** In messages: "open_clip's CLIP". */
  readonly title: string;
  /** Prefixes that a file may have before the names, the empty one included. */
  readonly prefixes: readonly string[];
  /** Names of tensors, without prefix, by which a file of this family is known. */
  readonly marks: readonly string[];
  /** The model in a file that has these marks. Throws a CoupletError for a variant that Couplet does not have. */
  model(files: WeightFiles): AnyModelSpec;
  /** Every tensor of a model of this family that Couplet has too. */
  table(model: AnyModelSpec, ours: OurVit): Correspondence[];
  /** Tensors of the family that Couplet has no use for, and what they are. */
  readonly leftOut: readonly { names: RegExp; what: string }[];
}

/** A family of files. `layouts/index.ts` lists them. */
export const defineLayout = (definition: LayoutDefinition): LayoutDefinition => definition;
