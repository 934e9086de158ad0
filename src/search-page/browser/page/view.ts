import { thumbnailFile } from '../../layout.ts';
import type { Query } from '../../protocol.ts';

function part<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

/** The parts of index.html. Text goes in as text, never as HTML. */
export class View {
  readonly form = part<HTMLFormElement>('search');
  readonly words = part<HTMLInputElement>('words');
  readonly clear = part<HTMLButtonElement>('clear');
  readonly results = part('results');
  readonly more = part<HTMLButtonElement>('more');
  readonly pictureParts = {
    pick: part<HTMLButtonElement>('pick'),
    file: part<HTMLInputElement>('file'),
    veil: part('veil'),
  };
  readonly #like = part('like');
  readonly #likeImage = part<HTMLImageElement>('like-image');
  readonly #likeText = part('like-text');
  readonly #status = part('status');
  readonly #loading = part('loading');
  readonly #loadingText = part('loading-text');
  readonly #bar = part<HTMLProgressElement>('bar');
  readonly #error = part('error');

  say(status: string): void {
    this.#status.textContent = status;
  }

  fail(sentence: string): void {
    this.#error.textContent = sentence;
    this.#error.hidden = false;
    this.loaded();
  }

  unfail(): void {
    this.#error.hidden = true;
  }

  /** @param what as in 'Loading the model for words' */
  loading(what: string, loaded: number, total: number): void {
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
    this.#loading.hidden = false;
    this.#bar.value = loaded / total;
    this.#loadingText.textContent =
      loaded < total ? `${what}, ${megabytes(loaded)} of ${megabytes(total)} MB` : `${what}, starting`;
  }

  loaded(): void {
    this.#loading.hidden = true;
  }

  /** @param caption of the row that is asked for */
  ask(query: Query | undefined, caption: string): void {
    const isPicture = query !== undefined && query.type !== 'words';
    this.#like.hidden = !isPicture;
    if (query?.type === 'words') {
      if (this.words.value.trim() !== query.text) this.words.value = query.text;
    } else this.words.value = '';
    if (!isPicture) return;
    const old = this.#likeImage.src;
    this.#likeImage.src =
      query.type === 'like' ? thumbnailFile(query.row) : URL.createObjectURL(query.picture);
    if (old.startsWith('blob:')) URL.revokeObjectURL(old);
    this.#likeText.textContent = caption;
  }
}
