import { captionOf, UnreadableCaption } from './captions.ts';
import type { Dataset } from './dataset.ts';
import type { LeftOut } from './left-out.ts';
import { type Problems, printable } from './problems.ts';
import { Reader } from './reader.ts';

/** What a run trains on, for a person to check. */
export interface DatasetDescription {
  samples: number;
  /** Three of them, spread over the data. */
  examples: { name: string; caption?: string; class?: string }[];
  /** Class names in label order; absent without any. */
  classes?: string[];
  leftOut: readonly LeftOut[];
  problems: Problems;
  unlabelled: Problems;
  /** Where captions are needed. */
  uncaptioned?: Problems;
}

const EXAMPLES = 3;

/** @param options.captions whether the method trains on captions; they are those of the first epoch */
export function describeDataset(
  dataset: Dataset,
  { captions, seed }: { captions: boolean; seed: number },
): DatasetDescription {
  const { size, classNames, leftOut, problems, unlabelled, uncaptioned, index } = dataset;
  const reader = new Reader(index);
  const count = Math.min(EXAMPLES, size);
  const ids = Array.from({ length: count }, (_, k) => Math.floor((k * size) / count));
  try {
    return {
      samples: size,
      examples: ids.map((id) => {
        const caption = captions ? captionFor(id, reader, seed) : undefined;
        const name = classNames?.[index.columns.label[id]!];
        return {
          name: reader.name(id),
          ...(caption !== undefined && { caption }),
          ...(name !== undefined && { class: name }),
        };
      }),
      ...(classNames && { classes: classNames }),
      leftOut,
      problems,
      unlabelled,
      ...(captions && { uncaptioned }),
    };
  } finally {
    reader.close();
  }
}

function captionFor(id: number, reader: Reader, seed: number): string | undefined {
  try {
    return captionOf(id, reader.captionSource(id), { seed, epoch: 0 });
  } catch (error) {
    if (error instanceof UnreadableCaption) return undefined;
    throw error;
  }
}

const MAX_CAPTION_CHARACTERS = 70;
const MAX_NAME_CHARACTERS = 50;
const MAX_CLASSES = 6;
const MAX_KINDS = 5;

/** Lines for the terminal: three samples, the classes, and what was left out. */
export function descriptionLines(data: DatasetDescription): string[] {
  const { examples, classes, leftOut, unlabelled, uncaptioned } = data;
  return [
    ...examples.map(({ name, caption, class: label }) => {
      const what = caption !== undefined ? `"${cut(printable(caption), MAX_CAPTION_CHARACTERS)}"` : label;
      return `  ${cutStart(printable(name), MAX_NAME_CHARACTERS)}${what === undefined ? '' : `: ${what}`}`;
    }),
    ...(classes ? [`  ${classes.length} classes: ${someOf(classes)}`] : []),
    ...leftOut
      .slice(0, MAX_KINDS)
      .map(({ kind, reason, count, example }) =>
        kind === reason
          ? `  left out: ${count} times ${reason}, such as ${printable(example)}`
          : `  left out: ${count} ${printable(kind)} (${reason}), such as ${printable(example)}`,
      ),
    ...withFirst('have a label that cannot be read', unlabelled),
    ...(uncaptioned ? withFirst('have no caption', uncaptioned) : []),
  ];
}

function withFirst(what: string, { count, first: [first] }: Problems): string[] {
  if (count === 0 || !first) return [];
  return [`  ${count} samples ${what}, such as ${printable(first.name)}: ${printable(first.reason)}`];
}

function someOf(names: readonly string[]): string {
  const more = names.length - MAX_CLASSES;
  return `${names.slice(0, MAX_CLASSES).map(printable).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 3)}...`;

const cutStart = (text: string, length: number): string =>
  text.length <= length ? text : `...${text.slice(3 - length)}`;
