import { thumbnailFile } from '../../layout.ts';
import type { Texts } from './texts.ts';

export interface Shown {
  readonly row: number;
  /** Cosine similarity; absent where nothing was searched. */
  readonly score?: number;
}

const SHOWN_AT_ONCE = 60;

/** Thumbnails with captions, some at once; a click on one is a search. */
export class Grid {
  readonly #list: HTMLElement;
  readonly #more: HTMLButtonElement;
  readonly #texts: Texts;
  readonly #unreadable: ReadonlySet<number>;
  #rest: Iterator<Shown> = [].values();

  constructor(
    { results: list, more }: { results: HTMLElement; more: HTMLButtonElement },
    texts: Texts,
    unreadable: readonly number[],
  ) {
    this.#list = list;
    this.#more = more;
    this.#texts = texts;
    this.#unreadable = new Set(unreadable);
    more.addEventListener('click', () => {
      const before = list.childElementCount;
      this.#add();
      (list.children[before]?.firstElementChild as HTMLElement | null)?.focus();
    });
    list.addEventListener('keydown', (event) => moveFocus(list, event));
  }

  show(rows: Iterable<Shown>): void {
    this.#rest = rows[Symbol.iterator]();
    this.#list.replaceChildren();
    this.#add();
  }

  #add(): void {
    let next = this.#rest.next();
    for (let i = 0; i < SHOWN_AT_ONCE && !next.done; i++) {
      this.#list.append(this.#card(next.value));
      if (i + 1 < SHOWN_AT_ONCE) next = this.#rest.next();
    }
    this.#more.hidden = next.done === true;
  }

  #card({ row, score }: Shown): HTMLElement {
    const item = document.createElement('li');
    const card = element('button', 'card');
    card.type = 'button';
    card.dataset.row = String(row);
    card.title = 'Show pictures like this one';
    const plate = element('span', 'plate');
    if (!this.#unreadable.has(row)) plate.append(thumbnailOf(row));
    const caption = element('span', 'caption');
    caption.dir = 'auto';
    const text = element('span', 'text');
    text.append(caption);
    if (score !== undefined) text.append(scoreOf(score));
    card.append(plate, text);
    item.append(card);
    this.#texts.of(row).then((facts) => {
      caption.textContent = facts.caption ?? facts.name ?? `Picture ${row + 1}`;
    });
    return item;
  }
}

function thumbnailOf(row: number): HTMLElement {
  const image = element('img', '');
  // The caption stands beside it.
  return Object.assign(image, { loading: 'lazy', decoding: 'async', alt: '', src: thumbnailFile(row) });
}

function scoreOf(score: number): HTMLElement {
  const mark = element('span', 'score');
  mark.textContent = score.toFixed(2);
  mark.title = 'cosine similarity';
  return mark;
}

function element<Name extends 'button' | 'span' | 'img'>(name: Name, className: string) {
  const made = document.createElement(name);
  made.className = className;
  return made;
}

/** Arrow keys go through the grid as it is laid out. */
function moveFocus(list: HTMLElement, event: KeyboardEvent): void {
  const cards = [...list.querySelectorAll<HTMLElement>('.card')];
  const at = cards.indexOf(document.activeElement as HTMLElement);
  if (at < 0) return;
  const top = cards[0]!.offsetTop;
  const columns = cards.findIndex((card) => card.offsetTop > top);
  const width = columns < 0 ? cards.length : columns;
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width };
  const step = steps[event.key];
  const target = step === undefined ? undefined : cards[at + step];
  if (!target) return;
  event.preventDefault();
  target.focus();
}
