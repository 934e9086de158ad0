// Products of an int16 query with many int8 rows, in WebAssembly's vector instructions: memory, not arithmetic, sets the speed.
// Encoding: https://webassembly.github.io/spec/core/binary/

/** Rows are padded to a multiple of it. */
export const KERNEL_STEP = 32;

/** Writes count products to `out` (int32) of rows at `codes` (int8, `width` each) with `query` (int16). All are addresses. */
export type Dots = (codes: number, query: number, out: number, count: number, width: number) => void;

const I32 = 0x7f;
const V128 = 0x7b;
const VOID = 0x40;

/** Unsigned LEB128. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}

const list = (items: readonly number[][]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body];
const text = (name: string): number[] => list([...name].map((letter) => [letter.charCodeAt(0)]));

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const tee = (local: number) => [0x22, local];
const constant = (value: number) => [0x41, ...signedLeb(value)];
const signedLeb = (value: number): number[] =>
  value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signedLeb(value >> 7)];
const add = [0x6a];
const subtract = [0x6b];
const lessUnsigned = [0x49];
const store = [0x36, 2, 0];
const loop = (body: number[]) => [0x03, VOID, ...body, 0x0b];
const repeatIf = [0x0d, 0];
const vector = (op: number, ...more: number[]) => [0xfd, ...leb(op), ...more];
const loadInts16 = (offset: number) => vector(0x00, 0, ...leb(offset)); // v128.load
const loadInts8 = (offset: number) => vector(0x01, 0, ...leb(offset)); // v128.load8x8_s
const zero = vector(0x0c, ...Array<number>(16).fill(0));
const dot = vector(0xba); // i32x4.dot_i16x8_s
const addVectors = vector(0xae); // i32x4.add
const lane = (index: number) => vector(0x1b, index);

const [CODES, QUERY, OUT, COUNT, WIDTH] = [0, 1, 2, 3, 4];
const [PLACE, END] = [5, 6];
/** Four sums, so that additions do not wait for each other. */
const SUMS = [7, 8, 9, 10];

const body = loop([
  ...[...get(QUERY), ...set(PLACE)],
  ...[...get(CODES), ...get(WIDTH), ...add, ...set(END)],
  ...SUMS.flatMap((sum) => [...zero, ...set(sum)]),
  ...loop([
    ...SUMS.flatMap((sum, i) => [
      ...[...get(CODES), ...loadInts8(8 * i), ...get(PLACE), ...loadInts16(16 * i), ...dot],
      ...[...get(sum), ...addVectors, ...set(sum)],
    ]),
    ...[...get(PLACE), ...constant(2 * KERNEL_STEP), ...add, ...set(PLACE)],
    ...[...get(CODES), ...constant(KERNEL_STEP), ...add, ...tee(CODES)],
    ...[...get(END), ...lessUnsigned, ...repeatIf],
  ]),
  ...SUMS.slice(1).flatMap((sum) => [...get(SUMS[0]!), ...get(sum), ...addVectors, ...set(SUMS[0]!)]),
  ...get(OUT),
  ...[0, 1, 2, 3].flatMap((index) => [...get(SUMS[0]!), ...lane(index), ...(index > 0 ? add : [])]),
  ...store,
  ...[...get(OUT), ...constant(4), ...add, ...set(OUT)],
  ...[...get(COUNT), ...constant(1), ...subtract, ...tee(COUNT), ...repeatIf],
]);

const code = [
  ...list([
    [2, I32],
    [SUMS.length, V128],
  ]),
  ...body,
  0x0b,
];

const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, list([[0x60, ...list(Array(5).fill([I32])), 0]])),
  ...section(2, list([[...text('env'), ...text('memory'), 2, 0, 0]])),
  ...section(3, list([[0]])),
  ...section(7, list([[...text('dots'), 0, 0]])),
  ...section(10, list([[...leb(code.length), ...code]])),
]);

export interface KernelMemory {
  readonly buffer: ArrayBuffer;
}

/** What is used of the global that TypeScript declares for browsers alone. */
declare const WebAssembly: {
  Memory: new (size: { initial: number }) => KernelMemory;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: { dots: Dots } };
};

const PAGE_BYTES = 2 ** 16;

/** At most 4 GiB. */
export const kernelMemory = (bytes: number): KernelMemory =>
  new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });

export function dotKernel(memory: KernelMemory): Dots {
  return new WebAssembly.Instance(new WebAssembly.Module(MODULE), { env: { memory } }).exports.dots;
}
