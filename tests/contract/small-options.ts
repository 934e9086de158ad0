import { findMethod } from '../../src/methods/index.ts';

/** Sizes of a test, by the names that methods give such options. */
const SIZES = {
  projector: { embedDim: 8 },
  heads: { hidden: 24, embedDim: 8 },
  head: { hidden: 24, embedDim: 8, outputs: 16 },
  localCrops: { count: 2 },
};

/** Those sizes that a method has as options, so that its heads suit a CPU. */
export function smallOptions(name: string, sizes: Partial<typeof SIZES> = {}): Record<string, object> {
  const { shape } = findMethod(name).options;
  return Object.fromEntries(Object.entries({ ...SIZES, ...sizes }).filter(([key]) => key in shape));
}
