// The page's second thread: it loads vectors and towers, and searches. One search at a time; the page sends the next after an answer.

import { rowOf } from '../int8.ts';
import { FILES, type PageFacts } from '../layout.ts';
import { nearest } from '../nearest.ts';
import type { Reply, Search } from '../protocol.ts';
import { downloadJson } from './worker/download.ts';
import { Encoders } from './worker/encoders.ts';
import { loadVectors } from './worker/vectors.ts';

const send = (reply: Reply): void => self.postMessage(reply);
const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const facts = downloadJson<PageFacts>(FILES.facts);
const vectors = facts.then((all) =>
  loadVectors(all, (loaded, total) => send({ type: 'progress', part: 'vectors', loaded, total })),
);
const encoders = facts.then(
  (all) => new Encoders(all, (part, loaded, total) => send({ type: 'progress', part, loaded, total })),
);

async function vectorOf({ query }: Search): Promise<Float32Array> {
  if (query.type === 'like') return rowOf(await vectors, query.row);
  return query.type === 'words'
    ? await (await encoders).words(query.text)
    : await (await encoders).picture(query.picture);
}

async function answer(search: Search): Promise<Reply> {
  const started = performance.now();
  const query = await vectorOf(search);
  const encoded = performance.now();
  const found = nearest(query, await vectors, search.limit);
  const milliseconds = { encode: encoded - started, search: performance.now() - encoded };
  return { type: 'found', id: search.id, ...found, milliseconds };
}

self.addEventListener('message', async ({ data }: MessageEvent<Search>) => {
  send(await answer(data).catch((error) => ({ type: 'failed', id: data.id, message: sentence(error) })));
});

try {
  await Promise.all([vectors, encoders.then((all) => all.prepareWords())]);
  send({ type: 'ready' });
} catch (error) {
  send({ type: 'broken', message: sentence(error) });
}
