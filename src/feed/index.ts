import type { Feed, FeedContext } from './feed.ts';
import { onDeviceFeed } from './on-device.ts';
import { streamFeed } from './stream.ts';

export type { FeedContext, PendingBatch } from './feed.ts';

/** Opens the feed that `data.hold` asks for: workers that read ahead, or pictures that the device holds. Throws a CoupletError when the data does not fit the device or cannot be read. */
export function openFeed(context: FeedContext): Promise<Feed> {
  return context.config.data.hold === 'device' ? onDeviceFeed(context) : streamFeed(context);
}
