import { CoupletError } from '../errors.ts';
import { noGrad, resolveDevice, scope, setMatmulPrecision } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import { upload } from '../torch/upload.ts';
import { type Match, product } from './shard.ts';

export interface DuplicateOptions {
  /** Least cosine of two rows that are near-duplicates. Default 0.95. */
  above?: number;
  /** Default a GPU if there is one. */
  device?: string;
  /** Called after each block, with the share that is done. */
  onProgress?: (done: number) => void;
}

/** Rows that are linked by pairs above the threshold, in order; `score` is the cosine to the first. */
export type DuplicateGroup = readonly Match[];

const BLOCK_ROWS = 2048;
/** More than the error of a product of float32 rows of unit length. */
const DOUBT = 1e-4;

/**
 * Groups of near-duplicates among unit rows [N, E], in the order of their first rows: the connected sets of pairs whose product is above
 * the threshold. Time grows with the square of N. Products near the threshold are computed again in float64, so devices agree.
 */
export function findDuplicates(
  values: Float32Array,
  width: number,
  { above = 0.95, device = 'auto', onProgress }: DuplicateOptions = {},
): DuplicateGroup[] {
  if (!(above > 0 && above <= 1))
    throw new CoupletError(`--above is ${above}: expected a cosine above 0, and at most 1, such as 0.95.`);
  const rows = values.length / width;
  const sets = new Sets(rows);
  const row = (index: number) => values.subarray(index * width, (index + 1) * width);
  const place = resolveDevice(device);
  setMatmulPrecision('exact');
  const starts = Array.from({ length: Math.ceil(rows / BLOCK_ROWS) }, (_, block) => block * BLOCK_ROWS);
  const pairs = starts.flatMap((a) => starts.filter((b) => b >= a).map((b) => [a, b] as const));
  const count = (start: number) => Math.min(BLOCK_ROWS, rows - start);
  const block = (start: number) =>
    upload(values.subarray(start * width, (start + count(start)) * width), [count(start), width], place);
  for (const [done, [a, b]] of pairs.entries()) {
    const products = noGrad(() =>
      scope(() => {
        const all = block(a).matmul(block(b).t);
        return ops.amax(all, []).item() >= above - DOUBT || a === b
          ? (all.toArray() as Float32Array)
          : undefined;
      }),
    );
    if (products) link(products, { a, b, columns: count(b) });
    onProgress?.((done + 1) / pairs.length);
  }
  return sets
    .groups()
    .map((group) => group.map((member) => ({ row: member, score: product(row(group[0]!), row(member)) })));

  function link(products: Float32Array, { a, b, columns }: { a: number; b: number; columns: number }): void {
    for (let i = 0; i < products.length; i++) {
      if (products[i]! < above - DOUBT) continue;
      const [one, other] = [a + Math.floor(i / columns), b + (i % columns)];
      if (one >= other || sets.areJoined(one, other)) continue;
      if (products[i]! > above + DOUBT || product(row(one), row(other)) >= above) sets.join(one, other);
    }
  }
}

/** Union-find, whose sets are named by their least member. */
class Sets {
  readonly #parent: Uint32Array;

  constructor(count: number) {
    this.#parent = Uint32Array.from({ length: count }, (_, index) => index);
  }

  areJoined(a: number, b: number): boolean {
    return this.#root(a) === this.#root(b);
  }

  join(a: number, b: number): void {
    const [rootA, rootB] = [this.#root(a), this.#root(b)];
    this.#parent[Math.max(rootA, rootB)] = Math.min(rootA, rootB);
  }

  /** Sets of two and more, each in order. */
  groups(): number[][] {
    const members = new Map<number, number[]>();
    for (let index = 0; index < this.#parent.length; index++) {
      const root = this.#root(index);
      if (root !== index) members.set(root, [...(members.get(root) ?? [root]), index]);
    }
    return [...members].sort(([a], [b]) => a - b).map(([, group]) => group);
  }

  #root(index: number): number {
    const parent = this.#parent;
    let root = index;
    while (parent[root] !== root) {
      parent[root] = parent[parent[root]!]!;
      root = parent[root]!;
    }
    return root;
  }
}
