import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { CoupletError } from '../../../errors.ts';
import { loadClasses } from '../classes.ts';
import { captionIn, noCaption } from '../columns.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import { SourceLabels } from '../labels.ts';
import { DamagedFile } from '../problems.ts';
import { classNamesOption, defineSource, indexFiles, patternsOption, templatesOption } from '../source.ts';
import { type Member, TarFile, tarMembers } from '../tar.ts';
import { decodeText } from '../text.ts';
import { captionsIn } from '../values.ts';

const options = {
  path: patternsOption,
  captionKey: z
    .string()
    .default('caption')
    .describe('field of KEY.json with the caption, if there is no KEY.txt'),
  labelKey: z.string().default('label').describe('field of KEY.json with the label, if there is no KEY.cls'),
  classNames: classNamesOption,
  templates: templatesOption,
};
type WebdatasetOptions = z.output<z.ZodObject<typeof options>>;

/**
 * A sample is a run of members with the same name up to the first dot. Reads tar headers, and JSON or cls members for labels. A cut
 * shard gives the samples before the cut.
 */
export const webdataset = defineSource({
  type: 'webdataset',
  summary: 'tar shards',
  paths: /\.tar$/i,
  options,
  async index(source, writer): Promise<IndexedSource> {
    const scan = new ShardScan(source, writer);
    await indexFiles(source.path, { writer, ending: '.tar' }, (path) => scan.shard(path));
    return { ...scan.labels.finish(), captioned: scan.captioned, captionKey: source.captionKey };
  },
});

interface Parts {
  key: string;
  extensions: Set<string>;
  image?: Member;
  txt?: Member;
  json?: Member;
  cls?: Member;
}

const IMAGE = /^(jpe?g|png|webp)$/;

function splitName(name: string): { key: string; extension: string } | undefined {
  if (name.includes('__MACOSX/')) return undefined;
  const slash = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', slash);
  if (dot <= slash) return undefined;
  return { key: name.slice(0, dot), extension: name.slice(dot + 1).toLowerCase() };
}

class ShardScan {
  captioned = false;
  readonly labels: SourceLabels;
  readonly #source: WebdatasetOptions;
  readonly #writer: IndexWriter;
  /** As they stand in JSON. */
  readonly #captionField: string;
  readonly #labelField: string;

  constructor(source: WebdatasetOptions, writer: IndexWriter) {
    this.#source = source;
    this.#writer = writer;
    this.labels = new SourceLabels(writer, loadClasses(source.classNames));
    this.#captionField = JSON.stringify(source.captionKey);
    this.#labelField = JSON.stringify(source.labelKey);
  }

  shard(path: string): void {
    const file = new TarFile(path);
    try {
      refuseCompressed(file, path);
      this.#samples(file, path);
    } finally {
      file.close();
    }
  }

  /** A member that comes twice begins another sample. */
  #samples(file: TarFile, path: string): void {
    let parts: Parts | undefined;
    let ended = true;
    const noEnd = () => {
      ended = false;
    };
    for (const member of tarMembers(file, noEnd)) {
      const named = splitName(member.name);
      if (!named) continue;
      const { key, extension } = named;
      if (parts?.key !== key || parts.extensions.has(extension)) {
        if (parts) this.#add(parts, file, path);
        parts = { key, extensions: new Set() };
      }
      parts.extensions.add(extension);
      const kind = IMAGE.test(extension) ? 'image' : extension;
      if (kind === 'image' || kind === 'txt' || kind === 'json' || kind === 'cls') parts[kind] ??= member;
      else this.#writer.leaveOut(`${path}:${member.name}`, `.${extension}`);
    }
    if (parts) this.#add(parts, file, path);
    if (!ended) throw new DamagedFile('has no end-of-archive mark: it may be cut');
  }

  #add(parts: Parts, file: TarFile, path: string): void {
    const name = () => `${path}:${parts.key}`;
    if (!parts.image) {
      this.#writer.problems.add(name(), 'a sample without an image (jpg, jpeg, png or webp)');
      return;
    }
    const label = this.#label(parts, file, name);
    const container = this.#writer.container(path);
    const { offset, size } = parts.image;
    const caption = captionPlace(parts, offset);
    this.captioned ||= parts.txt !== undefined;
    this.#writer.addSlice({ container, offset, length: size }, label, caption);
  }

  #label({ cls, json }: Parts, file: TarFile, name: () => string): number {
    const fields = json ? this.#fields(json, file) : {};
    if (!fields && !cls) this.#writer.unlabelled.add(name(), 'its JSON is damaged');
    const caption = captionsIn(fields?.[this.#source.captionKey]);
    this.captioned ||= Array.isArray(caption) && caption.length > 0;
    return this.labels.read(cls ? bytesOf(cls, file) : fields?.[this.#source.labelKey], name);
  }

  /** Most large sets have JSON without labels: it is parsed only where the field's name is in it. */
  #fields(json: Member, file: TarFile): Record<string, unknown> | undefined {
    const bytes = bytesOf(json, file);
    const matters =
      !isUtf8(bytes) ||
      bytes.includes(this.#labelField) ||
      (!this.captioned && bytes.includes(this.#captionField));
    return matters ? parseFields(bytes) : {};
  }
}

function captionPlace(parts: Parts, imageOffset: number): { in: number; offset: number; length: number } {
  const member = parts.txt ?? parts.json;
  if (!member || Math.abs(member.offset - imageOffset) > 0x7fff_ffff) return noCaption;
  const where = parts.txt ? captionIn.archiveText : captionIn.archiveJson;
  return { in: where, offset: member.offset, length: member.size };
}

const MAX_TEXT_BYTES = 1 << 20;

/** Valid until the next read. */
function bytesOf(member: Member, file: TarFile): Buffer {
  return file.read(member.offset, Math.min(member.size, MAX_TEXT_BYTES));
}

function parseFields(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(decodeText(bytes) ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function refuseCompressed(file: TarFile, path: string): void {
  const start = file.read(0, 2);
  if (start.length < 2 || start.readUInt16BE(0) !== 0x1f8b) return;
  throw new CoupletError(
    `\`${path}\` is compressed: shards are read at random places, so they must be plain tar. Run gunzip on it.`,
  );
}
