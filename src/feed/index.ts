// Where a run's batches come from: workers that read ahead, or pictures that the device holds already.
import type { Feed, FeedContext } from './context.ts';
import { heldFeed } from './on-device.ts';
import { streamFeed } from './stream.ts';

export type { Feed, FeedContext, Served } from './context.ts';

/** Opens the feed that `data.hold` asks for. Throws a CoupletError when the data does not fit the device or cannot be read. */
export function openFeed(context: FeedContext): Promise<Feed> {
  return context.config.data.hold === 'device' ? heldFeed(context) : streamFeed(context);
}
