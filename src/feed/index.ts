import type { Feed, FeedContext } from './feed.ts';
import { heldFeaturesFeed } from './held-features.ts';
import { onDeviceFeed } from './on-device.ts';
import { streamFeed } from './stream.ts';

export type { FeedContext, PendingBatch } from './feed.ts';

const feeds = { none: streamFeed, device: onDeviceFeed, features: heldFeaturesFeed };

/** The feed that `data.hold` asks for. Throws a CoupletError when the data cannot be read or does not fit the device. */
export function openFeed(context: FeedContext): Promise<Feed> {
  return feeds[context.config.data.hold](context);
}
