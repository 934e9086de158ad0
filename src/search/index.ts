export { nameOfRow } from '../embed/row-lines.ts';
export type { DuplicateGroup } from './duplicates.ts';
export { type PageSection, searchPage } from './page.ts';
export { openRunOf } from './query.ts';
export { openSearch, type Search, type SearchOptions } from './search.ts';
export type { Match } from './shard.ts';
