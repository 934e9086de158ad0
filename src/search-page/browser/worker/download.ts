import type { PageFile } from '../../layout.ts';

/** Milliseconds. Each piece of news is a message to the page. */
const BETWEEN_NEWS = 100;

/** Beside this worker, wherever the folder lies. */
const urlOf = (file: string): URL => new URL(file, self.location.href);

/** @throws Error with a sentence for the page */
export async function download(
  { file, bytes }: PageFile,
  onBytes: (loaded: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await answerOf(file);
  const reader = response.body!.getReader();
  const out = new Uint8Array(bytes);
  let loaded = 0;
  let due = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done || !value || loaded + value.length > bytes) {
      if (done && loaded === bytes) return out;
      throw new Error(
        `${file} is not whole: expected ${bytes} bytes. Load the page again, or copy its folder to the host again.`,
      );
    }
    out.set(value, loaded);
    loaded += value.length;
    if (performance.now() < due && loaded < bytes) continue;
    due = performance.now() + BETWEEN_NEWS;
    onBytes(loaded);
  }
}

/** @throws Error with a sentence for the page */
export async function downloadJson<T>(file: string): Promise<T> {
  const response = await answerOf(file);
  return await response.json().catch(() => {
    throw new Error(`${file} is damaged. Copy the page's folder to the host again.`);
  });
}

async function answerOf(file: string): Promise<Response> {
  const response = await fetch(urlOf(file)).catch(() => undefined);
  if (!response) throw new Error(`${file} cannot be loaded. Is the network there?`);
  if (response.ok) return response;
  throw new Error(
    `${file} is missing: the host answers ${response.status}. Copy the page's whole folder to the host.`,
  );
}
