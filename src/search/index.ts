export type { DuplicateGroup } from './duplicates.ts';
export { nameOfRow } from './names.ts';
export { type PageSection, searchPage } from './page.ts';
export { openSearch, type Search, type SearchOptions } from './search.ts';
export type { Match } from './shard.ts';
