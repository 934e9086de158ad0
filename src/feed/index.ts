import type { Feed, FeedContext } from './feed.ts';
import { onDeviceFeed } from './on-device.ts';
import { streamFeed } from './stream.ts';

export type { FeedContext, PendingBatch } from './feed.ts';

/** The feed that `data.hold` asks for. Throws a CoupletError when the data cannot be read or does not fit the device. */
export function openFeed(context: FeedContext): Promise<Feed> {
  return context.config.data.hold === 'device' ? onDeviceFeed(context) : streamFeed(context);
}
