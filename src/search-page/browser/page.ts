// The page's first thread: what a person does, and what is shown.

import { FILES, type PageFacts } from '../layout.ts';
import { startPage } from './page/start.ts';
import { View } from './page/view.ts';

async function main(view: View): Promise<void> {
  if (location.protocol === 'file:') {
    throw new Error(
      'Browsers do not let a file load others. Serve this folder, for example with: python3 -m http.server 8000. Then open http://localhost:8000.',
    );
  }
  const response = await fetch(FILES.facts).catch(() => undefined);
  if (!response?.ok) throw new Error(`${FILES.facts} is missing. Copy the page's whole folder to the host.`);
  const facts = (await response.json()) as PageFacts;
  // Only now: what a worker says before someone listens is lost.
  startPage(facts, view, new Worker(FILES.worker, { type: 'module' }));
}

const view = new View();
main(view).catch((error: Error) => view.fail(error.message));
