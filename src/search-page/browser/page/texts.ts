import { type PageRow, ROWS_PER_FILE, rowsFile } from '../../layout.ts';

/** Captions and names, read in parts as they are shown. */
export class Texts {
  readonly #parts = new Map<number, Promise<readonly PageRow[]>>();

  /** A row whose part cannot be loaded is shown without a caption. */
  async of(row: number): Promise<PageRow> {
    const part = Math.floor(row / ROWS_PER_FILE);
    let rows = this.#parts.get(part);
    if (!rows) {
      rows = load(part);
      this.#parts.set(part, rows);
    }
    return (await rows)[row % ROWS_PER_FILE] ?? {};
  }
}

async function load(part: number): Promise<readonly PageRow[]> {
  try {
    const response = await fetch(rowsFile(part));
    return response.ok ? ((await response.json()) as PageRow[]) : [];
  } catch {
    return [];
  }
}
