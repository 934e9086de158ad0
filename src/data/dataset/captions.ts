import { CoupletError } from '../../errors.ts';
import { hash32, purpose } from '../random.ts';
import type { Classes } from './classes.ts';
import { type Columns, captionIn } from './columns.ts';
import { fillTemplate } from './template.ts';
import { decodeText } from './text.ts';
import { captionsIn, isUnreadable } from './values.ts';

const DEFAULT_TEMPLATES = ['a photo of a {}.'];
const MAX_CAPTION_BYTES = 1 << 20;

/** How the samples of one source get captions: plain data for worker threads. */
export interface CaptionRules {
  /** Id of the source's first sample. */
  start: number;
  captionKey: string;
  templates: readonly string[];
  classes: Classes | undefined;
}

/** Names without a letter, such as 2023 or 17, make no captions unless there are templates for them. */
export function captionRules(
  start: number,
  source: Omit<CaptionRules, 'start' | 'templates'> & { templates?: readonly string[] | undefined },
): CaptionRules {
  const { captionKey, templates } = source;
  const areWords = source.classes?.some((names) => names.some((name) => /\p{L}/u.test(name)));
  const classes = templates || areWords ? source.classes : undefined;
  return { start, captionKey, classes, templates: templates ?? DEFAULT_TEMPLATES };
}

/** A caption is there, but cannot be read: the sample has none, not even its class's. */
export class UnreadableCaption extends Error {
  override name = 'UnreadableCaption';
}

type SampleSource = { rules: CaptionRules; columns: Columns; read: ReadBytes };

export type ReadBytes = (container: number, offset: number, length: number) => Uint8Array;

/**
 * The sample's own caption, or one of them, else a template with its class name. A hash of (seed, epoch, id) chooses.
 * @returns undefined without either
 * @throws UnreadableCaption
 */
export function captionOf(
  id: number,
  source: SampleSource,
  draw: { seed: number; epoch: number },
): string | undefined {
  const own = allCaptions(id, source);
  if (own.length === 0) return classCaption(source.columns.label[id]!, source.rules, { ...draw, id });
  return own.length === 1 ? own[0] : own[hash32([draw.seed, draw.epoch, id, purpose.caption]) % own.length];
}

/** Whether captionOf may give another caption in another epoch. Reads JSON members. */
export function captionVaries(id: number, source: SampleSource): boolean {
  const kind = source.columns.kind[id]! >> 4;
  if (kind === captionIn.arena) return false;
  if (kind === captionIn.archiveText) return source.columns.captionLength[id] === 0;
  return allCaptions(id, source).length !== 1;
}

/** Whether the index knows that captionOf has nothing for the sample. */
export function lacksCaption(
  id: number,
  { rules, columns }: { rules: CaptionRules; columns: Columns },
): boolean {
  const kind = columns.kind[id]! >> 4;
  const isEmpty =
    kind === captionIn.nothing ||
    (kind === captionIn.archiveText && columns.captionLength[id] === 0) ||
    (kind === captionIn.archiveJson && rules.captionKey === '');
  return isEmpty && !rules.classes?.[columns.label[id]!];
}

/**
 * The sample's own captions: of a list all, without class captions.
 * @throws UnreadableCaption
 */
export function allCaptions(id: number, { rules, columns, read }: SampleSource): readonly string[] {
  const kind = columns.kind[id]! >> 4;
  if (kind === captionIn.nothing) return [];
  // An empty key: the JSON members hold labels alone.
  if (kind === captionIn.archiveJson && rules.captionKey === '') return [];
  if (kind === captionIn.unreadable) throw new UnreadableCaption('its caption cannot be read');
  const length = columns.captionLength[id]!;
  if (length > MAX_CAPTION_BYTES)
    throw new UnreadableCaption(`its caption has ${length} bytes: expected at most ${MAX_CAPTION_BYTES}`);
  if (kind === captionIn.archiveText || kind === captionIn.archiveJson) {
    const bytes = read(columns.container[id]!, columns.offset[id]! + (columns.caption[id]! | 0), length);
    return readable(kind === captionIn.archiveText ? bytes : jsonField(bytes, rules.captionKey));
  }
  const arena = columns.arena.slice(columns.caption[id]!, columns.caption[id]! + length);
  const text = Buffer.from(arena.buffer, arena.byteOffset, length).toString('utf8');
  return kind === captionIn.arenaList ? text.split('\0') : [text];
}

function readable(value: unknown): readonly string[] {
  const texts = captionsIn(value);
  if (isUnreadable(texts)) throw new UnreadableCaption(texts.unreadable);
  return texts;
}

function jsonField(bytes: Uint8Array, key: string): unknown {
  const text = decodeText(bytes);
  try {
    const fields: unknown = JSON.parse(text!);
    return (fields as Record<string, unknown> | null)?.[key];
  } catch {
    throw new UnreadableCaption(text === undefined ? 'its JSON is not UTF-8' : 'its JSON is damaged');
  }
}

/** All texts that captionOf may give for a class; undefined without a name. */
export function classCaptions(label: number, { classes, templates }: CaptionRules): string[] | undefined {
  const names = classes?.[label];
  return names?.flatMap((name) => templates.map((template) => fillTemplate(template, name)));
}

function classCaption(
  label: number,
  rules: CaptionRules,
  draw: { seed: number; epoch: number; id: number },
): string | undefined {
  const names = rules.classes?.[label];
  if (!names) return undefined;
  const choice = hash32([draw.seed, draw.epoch, draw.id, purpose.template]);
  const name = names[choice % names.length]!;
  const template = rules.templates[Math.floor(choice / names.length) % rules.templates.length]!;
  return fillTemplate(template, name);
}

/**
 * Class names of joined sources.
 * @throws CoupletError with the first difference between two, or when some have names and others numbers
 */
export function agreeOnClasses(
  sources: readonly { name: string; classes: Classes | undefined; labelled: boolean }[],
): Classes | undefined {
  const named = sources.filter(({ classes }) => classes !== undefined);
  const [first, ...others] = named;
  const numbered = sources.find(({ classes, labelled }) => labelled && classes === undefined);
  if (first && numbered)
    throw new CoupletError(
      `joined sources must agree on their classes. ${first.name} names them, and ${numbered.name} has numbers. ` +
        'Give both the same classNames.',
    );
  for (const other of others) {
    const ours = first!.classes!.map(([name]) => name);
    const theirs = other.classes!.map(([name]) => name);
    const labels = Array.from({ length: Math.max(ours.length, theirs.length) }, (_, label) => label);
    const label = labels.find((label) => ours[label] !== theirs[label]);
    if (label === undefined) continue;
    throw new CoupletError(
      `joined sources must agree on their classes. Label ${label} is ${ours[label] ?? 'missing'} in ${first!.name} ` +
        `and ${theirs[label] ?? 'missing'} in ${other.name}. Give both the same classNames.`,
    );
  }
  return first?.classes;
}
