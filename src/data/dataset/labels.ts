import { type Classes, LARGEST_LABEL, NO_LABEL } from './classes.ts';
import type { IndexWriter } from './index-writer.ts';
import { isUnreadable, labelIn } from './values.ts';

/**
 * Labels of one source. With class names a label is one of them or its number. Without, whole numbers stay numbers, and words are
 * classes in the order of their code units. A label that cannot be read costs the sample its label alone.
 */
export class SourceLabels {
  readonly #classes: Classes | undefined;
  readonly #writer: IndexWriter;
  readonly #start: number;
  readonly #named = new Map<string, number>();
  /** Without class names: places in the order of their first sample. */
  readonly #places = new Map<string, { place: number; samples: number; first: string }>();
  #labelled = false;

  constructor(writer: IndexWriter, classes: Classes | undefined) {
    this.#classes = classes;
    this.#writer = writer;
    this.#start = writer.columns.size;
    classes?.forEach((names, label) => {
      for (const name of names) this.#named.set(name, this.#named.has(name) ? AMBIGUOUS : label);
    });
  }

  /**
   * The label of the next sample, until `finish`.
   * @param sample its name, for messages
   */
  read(value: unknown, sample: () => string, damaged = false): number {
    const text = labelIn(value, damaged);
    if (text === undefined) return NO_LABEL;
    if (isUnreadable(text)) return this.#unreadable(sample(), text.unreadable);
    if (this.#classes) return this.#ofClass(text, typeof value === 'string', sample);
    const known = this.#places.get(text) ?? this.#newPlace(text, sample());
    known.samples++;
    return known.place;
  }

  /** Sets the labels of the source's samples. */
  finish(): { classes: Classes | undefined; labelled: boolean } {
    if (this.#classes || this.#places.size === 0) return { classes: this.#classes, labelled: this.#labelled };
    const texts = [...this.#places.keys()].sort();
    const areNumbers = texts.every((text) => /^-?(0|[1-9]\d*)$/.test(text));
    const labels = new Int32Array(texts.length);
    for (const [index, text] of texts.entries()) {
      const { place, samples, first } = this.#places.get(text)!;
      const isLabel = !areNumbers || (Number(text) >= 0 && Number(text) <= LARGEST_LABEL);
      labels[place] = isLabel ? (areNumbers ? Number(text) : index) : NO_LABEL;
      if (isLabel) this.#labelled = true;
      else this.#writer.unlabelled.add(first, `label ${text}: ${EXPECTED_NUMBER}`, samples);
    }
    this.#writer.columns.relabel(this.#start, (label) => labels[label] ?? NO_LABEL);
    const classes = areNumbers ? undefined : texts.map((text) => [text.replaceAll('_', ' ')]);
    return { classes, labelled: this.#labelled };
  }

  #ofClass(text: string, isWord: boolean, sample: () => string): number {
    const label =
      (isWord ? this.#named.get(text) : undefined) ?? this.#numbered(text) ?? this.#named.get(text);
    if (label === AMBIGUOUS) return this.#unreadable(sample(), `label ${text} is the name of two classes`);
    this.#labelled ||= label !== undefined;
    return label ?? this.#unreadable(sample(), `label ${text} is not one of the class names`);
  }

  #numbered(text: string): number | undefined {
    const label = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return label < this.#classes!.length ? label : undefined;
  }

  #newPlace(text: string, first: string): { place: number; samples: number; first: string } {
    const known = { place: this.#places.size, samples: 0, first };
    this.#places.set(text, known);
    return known;
  }

  #unreadable(sample: string, reason: string): number {
    this.#writer.unlabelled.add(sample, reason);
    return NO_LABEL;
  }
}

const AMBIGUOUS = -2;
const EXPECTED_NUMBER = `expected a class number from 0 to ${LARGEST_LABEL}, or names of classes`;
