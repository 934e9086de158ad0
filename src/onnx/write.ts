import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withCleanUp } from '../errors.ts';
import type { HostTensor } from '../io/host-tensor.ts';
import { systemFailure } from '../io/system-error.ts';
import type { AnyModelSpec } from '../models/registry.ts';
import { buildPart, type Family, type Part } from './parts.ts';
import type { PixelOptions } from './pixels.ts';
import { type ExternalPlace, type GraphProto, type Initializer, modelProto } from './proto.ts';
import type { Message } from './protobuf.ts';
import { lengthOf } from './protobuf.ts';
import { type VariantName, variants } from './variants/index.ts';
import { type WeightSource, Weights } from './weights.ts';

/** Protocol buffers end at 2 GiB; what is not data of tensors takes far less than the rest. */
const LIMIT = 2e9; // bytes
/** A memory page: runtimes map files from here. */
const ALIGNMENT = 4096;
/** Smaller tensors stay in the model's file, where a runtime reads sizes from. */
const SMALL = 1024; // bytes

export interface OnnxOptions {
  part: Part;
  spec: AnyModelSpec;
  /** By Couplet's names: those of a run's model.safetensors. */
  weights: WeightSource | ReadonlyMap<string, HostTensor>;
  /** Default fp32. */
  variant?: VariantName;
  /** Default clip. */
  family?: Family;
  /** Before the names of an encoder's tensors: `teacher.backbone.` of DINO. Default `backbone.`. */
  prefix?: string;
  /** Takes pictures of any size, and cuts them as an evaluation does. Default: pixels of the model's size. */
  pixels?: PixelOptions;
  /** Tensors of more bytes in all go to files of at most so many each, `NAME.onnx_data`, `NAME.onnx_data_1` and so on. Default 2e9. */
  limit?: number;
}

export interface OnnxFile {
  path: string;
  /** Files with tensors, in order; mostly none. transformers.js: `use_external_data_format` is their number. */
  dataPaths: string[];
  /** Of all files. */
  bytes: number;
}

/**
 * Writes a model, or a part of it, as ONNX (opset 20; docs/export.md has inputs and outputs), a tensor at a time.
 * The file is complete or absent. Throws a CoupletError for weights that do not belong to the spec, and for errors of the system.
 */
export async function writeOnnx(path: string, options: OnnxOptions): Promise<OnnxFile> {
  const { weights, limit, variant = 'fp32', family = 'clip', ...part } = options;
  const graph = buildPart(new Weights(weights), { ...part, family, variant: variants[variant] });
  return writeGraph(path, graph.proto(options.part), limit);
}

export async function writeGraph(path: string, graph: GraphProto, limit = LIMIT): Promise<OnnxFile> {
  const external = placesBeyond(limit, graph, `${basename(path)}_data`);
  const contents = [
    [path, modelProto(graph, external.places)],
    ...[...external.files].map(([location, each]) => [join(dirname(path), location), padded(each)]),
  ] as [string, Message][];
  try {
    for (const [file, content] of contents) await writeMessage(file, content);
  } catch (cause) {
    for (const [file] of contents) await rm(file, { force: true }).catch(() => undefined);
    throw systemFailure(cause, 'Cannot write', path);
  }
  return {
    path,
    dataPaths: contents.slice(1).map(([file]) => file),
    bytes: contents.reduce((sum, [, content]) => sum + lengthOf(content), 0),
  };
}

interface External {
  places: Map<string, ExternalPlace>;
  files: Map<string, Initializer[]>;
}

/** Places for large tensors when all together are beyond the limit. */
function placesBeyond(limit: number, { initializers }: GraphProto, name: string): External {
  const external: External = { places: new Map(), files: new Map() };
  const total = initializers.reduce((sum, { data }) => sum + data.length, 0);
  if (total <= limit) return external;
  let offset = Number.POSITIVE_INFINITY;
  let location = '';
  for (const each of initializers) {
    if (each.data.length < SMALL) continue;
    if (offset + each.data.length > limit) {
      location = external.files.size === 0 ? name : `${name}_${external.files.size}`;
      external.files.set(location, []);
      offset = 0;
    }
    external.places.set(each.name, { location, offset });
    external.files.get(location)!.push(each);
    offset = aligned(offset + each.data.length);
  }
  return external;
}

const aligned = (offset: number) => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** Data of tensors, each at the next page. */
const padded = (initializers: readonly Initializer[]): Message =>
  initializers.flatMap(({ data }, i) =>
    i === initializers.length - 1 ? [data] : [data, new Uint8Array(aligned(data.length) - data.length)],
  );

const CHUNK = 2 ** 30; // Linux writes at most 2 GiB at once

async function writeMessage(path: string, message: Message): Promise<void> {
  const file = await open(path, 'w');
  const write = async () => {
    let small: Uint8Array[] = [];
    for (const piece of message) {
      if (piece instanceof Uint8Array) {
        small.push(piece);
        continue;
      }
      await writeAll(file, Buffer.concat(small));
      small = [];
      const data = await piece.bytes();
      if (data.length !== piece.length)
        throw new RangeError(`${path}: ${data.length} bytes for ${piece.length}`);
      await writeAll(file, data);
    }
    await writeAll(file, Buffer.concat(small));
    await file.sync();
  };
  await withCleanUp(write, () => file.close());
}

async function writeAll(file: FileHandle, data: Uint8Array): Promise<void> {
  for (let done = 0; done < data.length; )
    done += (await file.write(data, done, Math.min(CHUNK, data.length - done))).bytesWritten;
}
