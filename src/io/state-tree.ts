import { CoupletError } from '../errors.ts';
import { checkHostTensor, type HostTensor } from './host-tensor.ts';

/** All that a resume needs: plain data, nested at will, whose leaves may be tensors. */
export type StateTree =
  | HostTensor
  | number
  | bigint
  | string
  | boolean
  | null
  | readonly StateTree[]
  | { readonly [key: string]: StateTree };

/** JSON without tensors, numbers that JSON lacks, or bigints: those are objects of the one key `$tensor`, `$number`, `$bigint`. */
export type StateJson = number | string | boolean | null | StateJson[] | { [key: string]: StateJson };

export interface FlatState {
  /** By path, such as `optimizer/exp_avg/visual.proj`. */
  readonly tensors: Record<string, HostTensor>;
  readonly json: StateJson;
}

/** What stands for something else. A plain object with one such key is wrapped in `$object`. */
const TAGS = new Set(['$tensor', '$number', '$bigint', '$object']);

const isTensor = (value: object): value is HostTensor =>
  'data' in value && value.data instanceof Uint8Array && 'dtype' in value && 'shape' in value;

/**
 * Takes a tree apart for two files: tensors by name, and JSON that names them. `unflattenState` gives back an equal tree.
 * Throws a CoupletError that names the path of what is not plain data (undefined, a function, a Map, a class).
 */
export function flattenState(tree: StateTree): FlatState {
  const tensors: Record<string, HostTensor> = Object.create(null);
  const visit = (value: StateTree, path: string): StateJson => {
    if (typeof value === 'number') return flattenNumber(value);
    if (typeof value === 'bigint') return { $bigint: String(value) };
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (isArray(value)) return Array.from(value, (item, i) => visit(item, join(path, String(i))));
    if (typeof value !== 'object') throw notPlain(path, value);
    if (isTensor(value)) return { $tensor: addTensor(tensors, path, value) };
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw notPlain(path, value);
    const entries = Object.entries(value).map(([key, item]) => [key, visit(item, join(path, key))] as const);
    const object = Object.fromEntries(entries);
    return entries.length === 1 && TAGS.has(entries[0]?.[0] as string) ? { $object: object } : object;
  };
  return { json: visit(tree, ''), tensors };
}

const isArray = (value: unknown): value is readonly StateTree[] => Array.isArray(value);
const join = (path: string, key: string): string => (path === '' ? key : `${path}/${key}`);

function notPlain(path: string, value: unknown): CoupletError {
  const what = typeof value === 'object' ? `a ${(value as object).constructor?.name}` : typeof value;
  return new CoupletError(
    `The state at '${path}' is ${what}: expected numbers, bigints, strings, booleans, null, tensors, arrays and plain objects of them.`,
  );
}

/** Keys may hold slashes, so two paths can read the same: the later one gets a number. */
function addTensor(tensors: Record<string, HostTensor>, path: string, tensor: HostTensor): string {
  const wanted = path === '' || path === '__metadata__' ? `tensor:${path}` : path;
  let name = wanted;
  for (let i = 2; name in tensors; i++) name = `${wanted}#${i}`;
  checkHostTensor(name, tensor);
  tensors[name] = tensor;
  return name;
}

function flattenNumber(value: number): StateJson {
  if (Object.is(value, -0)) return { $number: '-0' };
  return Number.isFinite(value) ? value : { $number: String(value) };
}

/** The tree that `flattenState` took apart. Throws a CoupletError for a tensor that is missing or left over, or a damaged tag. */
export function unflattenState({
  tensors,
  json,
}: {
  readonly tensors: ReadonlyMap<string, HostTensor> | Readonly<Record<string, HostTensor>>;
  readonly json: StateJson;
}): StateTree {
  const left = new Map<string, HostTensor>(tensors instanceof Map ? tensors : Object.entries(tensors));
  const visit = (value: StateJson): StateTree => {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map(visit);
    const entries = Object.entries(value);
    const [tag, content] = entries[0] ?? [];
    if (entries.length !== 1 || !TAGS.has(tag as string)) return visitObject(value);
    if (tag === '$tensor') return takeTensor(left, content as string);
    if (tag === '$number') return parseNumber(content as string);
    if (tag === '$bigint') return parseBigint(content as string);
    return visitObject(content as Record<string, StateJson>);
  };
  const visitObject = (value: Record<string, StateJson>): StateTree =>
    Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]));
  const tree = visit(json);
  if (left.size > 0) {
    const names = [...left.keys()].slice(0, 10).join(', ');
    throw new CoupletError(
      `The state does not use ${left.size} of its tensors: ${names}. Its two files are not of one checkpoint.`,
    );
  }
  return tree;
}

function takeTensor(left: Map<string, HostTensor>, name: string): HostTensor {
  const tensor = left.get(name);
  if (!tensor) {
    throw new CoupletError(`The state lacks the tensor '${name}'. Its two files are not of one checkpoint.`);
  }
  left.delete(name);
  return tensor;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (['-0', 'NaN', 'Infinity', '-Infinity'].includes(text)) return value;
  throw new CoupletError(
    `The state has the number ${JSON.stringify(text)}, which nobody wrote. It is damaged.`,
  );
}

function parseBigint(text: string): bigint {
  if (typeof text === 'string' && /^-?\d+$/.test(text)) return BigInt(text);
  throw new CoupletError(
    `The state has the bigint ${JSON.stringify(text)}, which nobody wrote. It is damaged.`,
  );
}
