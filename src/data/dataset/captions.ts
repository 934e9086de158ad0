import { CoupletError } from '../../errors.ts';
import { hash32, purpose } from '../random.ts';
import type { Classes } from './classes.ts';
import { type Columns, captionIn } from './columns.ts';
import { fillTemplate } from './template.ts';

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

export function captionRules(
  start: number,
  source: Omit<CaptionRules, 'start' | 'templates'> & { templates?: readonly string[] | undefined },
): CaptionRules {
  const { captionKey, classes } = source;
  return { start, captionKey, classes, templates: source.templates ?? DEFAULT_TEMPLATES };
}

export type ReadBytes = (container: number, offset: number, length: number) => Uint8Array;

/**
 * The sample's own caption, else a template with its class name, chosen by a hash of (seed, epoch, id).
 * @returns undefined without either
 */
export function captionOf(
  id: number,
  source: { rules: CaptionRules; columns: Columns; read: ReadBytes },
  draw: { seed: number; epoch: number },
): string | undefined {
  return ownCaption(id, source) ?? classCaption(source.columns.label[id]!, source.rules, { ...draw, id });
}

/** Whether the index places a caption, which may turn out to be empty. */
export function hasOwnCaption(
  id: number,
  { rules, columns }: { rules: CaptionRules; columns: Columns },
): boolean {
  const kind = columns.kind[id]! >> 4;
  // An empty key: the JSON members hold labels alone.
  return kind !== captionIn.nothing && !(kind === captionIn.archiveJson && rules.captionKey === '');
}

function ownCaption(
  id: number,
  { rules, columns, read }: { rules: CaptionRules; columns: Columns; read: ReadBytes },
): string | undefined {
  if (!hasOwnCaption(id, { rules, columns })) return undefined;
  const kind = columns.kind[id]! >> 4;
  const length = columns.captionLength[id]!;
  if (length > MAX_CAPTION_BYTES) return undefined;
  if (kind === captionIn.arena)
    return utf8(columns.arena.slice(columns.caption[id]!, columns.caption[id]! + length));
  const text = utf8(read(columns.container[id]!, columns.offset[id]! + (columns.caption[id]! | 0), length));
  return kind === captionIn.archiveText ? text : jsonCaption(text, rules.captionKey);
}

function utf8(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8').trim();
  return text === '' ? undefined : text;
}

function jsonCaption(text: string | undefined, key: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '{}')?.[key];
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  } catch {
    return undefined;
  }
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
 * @throws CoupletError with the first difference between two that name their classes
 */
export function agreeOnClasses(
  sources: readonly { name: string; classes: Classes | undefined }[],
): Classes | undefined {
  const named = sources.filter(({ classes }) => classes !== undefined);
  const [first, ...others] = named;
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
