import { z } from 'zod';

const MOST_ITEMS = 10_000;

/** Items are checked if there are few: zod makes an error of each wrong one. */
export const shortList = <T extends z.ZodType>(item: T) =>
  z.array(z.unknown()).max(MOST_ITEMS).pipe(z.array(item));
