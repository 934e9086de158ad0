import type { PageFacts } from '../../layout.ts';
import type { Query } from '../../protocol.ts';
import { addressOf } from './address.ts';
import { SearchClient } from './client.ts';
import { Grid, type Shown } from './grid.ts';
import { Texts } from './texts.ts';
import type { View } from './view.ts';

const MOST_RESULTS = 600;

const LOADING = {
  vectors: 'Loading the vectors',
  words: 'Loading the model for words',
  pictures: 'Loading the model for pictures',
};

const written = (value: number): string => value.toLocaleString('en');

/** What is searched and shown. */
export class Session {
  readonly #count: number;
  readonly #view: View;
  readonly #texts = new Texts();
  readonly #grid: Grid;
  readonly #client: SearchClient;

  constructor({ count, unreadable }: PageFacts, view: View, worker: Worker) {
    this.#count = count;
    this.#view = view;
    this.#grid = new Grid(view, this.#texts, unreadable);
    this.#client = new SearchClient(worker, {
      progress: ({ part, loaded, total }) => view.loading(LOADING[part], loaded, total),
      ready: () => view.loaded(),
      found: (found) => this.#found(found),
      failed: (sentence) => view.fail(sentence),
    });
  }

  /** By the address, so that the browser's arrows lead back. */
  go(query: Query | undefined): void {
    const address = addressOf(query);
    if (address === (location.hash || '#')) this.show(query);
    else location.hash = address;
  }

  /** Without a query, all pictures. */
  async show(query: Query | undefined): Promise<void> {
    this.#view.unfail();
    const row = query?.type === 'like' ? await this.#texts.of(query.row) : undefined;
    this.#view.ask(query, row?.caption ?? row?.name ?? 'your picture');
    if (query) {
      this.#client.search(query, MOST_RESULTS);
      return;
    }
    this.#client.forget();
    this.#grid.show(allRows(this.#count));
    this.#view.say(`${written(this.#count)} ${this.#count === 1 ? 'picture' : 'pictures'}`);
  }

  #found({ rows, scores, milliseconds }: Parameters<SearchEvents['found']>[0]): void {
    const time = Math.max(1, Math.round(milliseconds.encode + milliseconds.search));
    this.#view.loaded();
    this.#grid.show(rows.map((row, i): Shown => ({ row, score: scores[i]! })));
    this.#view.say(`The nearest of ${written(this.#count)} first, in ${written(time)} ms`);
  }
}

type SearchEvents = ConstructorParameters<typeof SearchClient>[1];

function* allRows(count: number): Generator<Shown> {
  for (let row = 0; row < count; row++) yield { row };
}
