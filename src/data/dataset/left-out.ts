import { extname } from 'node:path';

/** Files of one kind that are no samples. */
export interface LeftOut {
  /** `.heic`, or `a link to a folder that it is in`. */
  kind: string;
  reason: string;
  count: number;
  /** Path of the first. */
  example: string;
}

const OTHER_PICTURES = /^\.(heic|heif|gif|tiff?|bmp|avif|jxl|jp2|svg|psd|raw|cr2|nef|dng|ico)$/;

export class LeftOutFiles {
  readonly #kinds = new Map<string, LeftOut>();

  add(path: string, kind = extname(path).toLowerCase() || 'no ending'): void {
    const known = this.#kinds.get(kind);
    if (known) known.count++;
    else this.#kinds.set(kind, { kind, reason: reasonOf(kind), count: 1, example: path });
  }

  /** The most frequent first. */
  list(): LeftOut[] {
    return [...this.#kinds.values()].sort((a, b) => b.count - a.count);
  }
}

function reasonOf(kind: string): string {
  if (OTHER_PICTURES.test(kind)) return 'another format: expected JPEG, PNG or WebP';
  return kind.startsWith('.') ? 'no picture or caption by its name' : kind;
}
