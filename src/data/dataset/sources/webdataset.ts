import { z } from 'zod';
import { CoupletError } from '../../../errors.ts';
import { LabelReader, loadClasses } from '../classes.ts';
import { captionIn, imageIn, noCaption } from '../columns.ts';
import type { IndexedSource, IndexWriter } from '../index-writer.ts';
import { classNamesOption, defineSource, filesOf, patternsOption, templatesOption } from '../source.ts';
import { DamagedTar, type Member, TarFile, tarMembers } from '../tar.ts';

/** JSON members read to learn whether they hold captions or labels. */
const SNIFFED_MEMBERS = 20;

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
  index(source, writer): IndexedSource {
    const scan = new ShardScan(source, writer);
    for (const path of filesOf(source.path, writer)) scan.shard(path);
    const { captioned, labelled, labels } = scan;
    return { classes: labels.classes, captioned, labelled, captionKey: source.captionKey };
  },
});

interface Parts {
  key: string;
  image?: Member;
  txt?: Member;
  json?: Member;
  cls?: Member;
}

const IMAGE = /^(jpe?g|png|webp)$/;

function splitName(name: string): { key: string; extension: string } | undefined {
  const slash = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', slash);
  if (dot <= slash) return undefined;
  return { key: name.slice(0, dot), extension: name.slice(dot + 1).toLowerCase() };
}

class ShardScan {
  captioned = false;
  labelled = false;
  readonly labels: LabelReader;
  readonly #source: WebdatasetOptions;
  readonly #writer: IndexWriter;
  #sniffed = 0;
  #labelsInJson = false;

  constructor(source: WebdatasetOptions, writer: IndexWriter) {
    this.#source = source;
    this.#writer = writer;
    this.labels = new LabelReader(loadClasses(source.classNames));
  }

  shard(path: string): void {
    const file = new TarFile(path);
    try {
      refuseCompressed(file, path);
      this.#samples(file, path);
    } catch (error) {
      if (!(error instanceof DamagedTar)) throw error;
      this.#writer.problems.add(path, error.message);
    } finally {
      file.close();
    }
  }

  #samples(file: TarFile, path: string): void {
    let parts: Parts | undefined;
    const noEnd = () => this.#writer.problems.add(path, 'has no end-of-archive mark: it may be cut');
    for (const member of tarMembers(file, noEnd)) {
      const named = splitName(member.name);
      if (!named) continue;
      if (parts?.key !== named.key) {
        if (parts) this.#add(parts, file, path);
        parts = { key: named.key };
      }
      const kind = IMAGE.test(named.extension) ? 'image' : named.extension;
      if (kind === 'image' || kind === 'txt' || kind === 'json' || kind === 'cls') parts[kind] ??= member;
    }
    if (parts) this.#add(parts, file, path);
  }

  #add(parts: Parts, file: TarFile, path: string): void {
    const name = `${path}:${parts.key}`;
    if (!parts.image) {
      this.#writer.problems.add(name, 'a sample without an image (jpg, jpeg, png or webp)');
      return;
    }
    const label = this.#label(parts, file, name);
    const container = this.#writer.container(path);
    const { offset, size } = parts.image;
    const caption = captionPlace(parts, offset);
    this.captioned ||= parts.txt !== undefined;
    this.#writer.columns.add({
      image: { in: imageIn.archive, container, offset, length: size },
      caption,
      label,
    });
  }

  #label(parts: Parts, file: TarFile, name: string): number {
    const value = parts.cls ? textOf(parts.cls, file) : parts.json && this.#fromJson(parts.json, file);
    if (value === undefined || value === null || value === '') return -1;
    const label = this.labels.read(value);
    if (label === undefined)
      this.#writer.problems.add(name, `label ${String(value)} is not one of the classes`);
    this.labelled ||= label !== undefined;
    return label ?? -1;
  }

  /** Large sets have JSON without labels: once the first members have none, reads no more. */
  #fromJson(json: Member, file: TarFile): unknown {
    if (this.#sniffed >= SNIFFED_MEMBERS && !this.#labelsInJson) return undefined;
    this.#sniffed++;
    const fields = parseFields(textOf(json, file));
    const caption = fields[this.#source.captionKey];
    this.captioned ||= typeof caption === 'string' && caption.trim() !== '';
    const label = fields[this.#source.labelKey];
    this.#labelsInJson ||= label !== undefined && label !== null;
    return label;
  }
}

function captionPlace(parts: Parts, imageOffset: number): { in: number; offset: number; length: number } {
  const member = parts.txt ?? parts.json;
  if (!member || Math.abs(member.offset - imageOffset) > 0x7fff_ffff) return noCaption;
  const where = parts.txt ? captionIn.archiveText : captionIn.archiveJson;
  return { in: where, offset: member.offset, length: member.size };
}

const MAX_TEXT_BYTES = 1 << 20;

function textOf(member: Member, file: TarFile): string {
  return member.size > MAX_TEXT_BYTES ? '' : file.read(member.offset, member.size).toString('utf8').trim();
}

function parseFields(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function refuseCompressed(file: TarFile, path: string): void {
  const start = file.read(0, 2);
  if (start.length < 2 || start.readUInt16BE(0) !== 0x1f8b) return;
  throw new CoupletError(
    `\`${path}\` is compressed: shards are read at random places, so they must be plain tar. Run gunzip on it.`,
  );
}
