import type { Query } from '../../protocol.ts';

// What is searched stands in the address, so that it can be shared, and the browser's arrows go through the searches.

/** A picture lives as long as the page. */
const pictures: Blob[] = [];

export function addressOf(query: Query | undefined): string {
  if (!query) return '#';
  if (query.type === 'words') return `#words=${encodeURIComponent(query.text)}`;
  if (query.type === 'like') return `#like=${query.row}`;
  if (!pictures.includes(query.picture)) pictures.push(query.picture);
  return `#picture=${pictures.indexOf(query.picture)}`;
}

/** Undefined for all that is no search of this page. @param count pictures of the page */
export function queryOf(address: string, count: number): Query | undefined {
  const [, type, value] = /^#(words|like|picture)=(.+)$/.exec(address) ?? [];
  if (type === undefined || value === undefined) return undefined;
  if (type === 'words') return wordsQuery(value);
  const number = Number(value);
  if (type === 'like')
    return Number.isInteger(number) && number >= 0 && number < count ? { type, row: number } : undefined;
  const picture = pictures[number];
  return picture && { type: 'picture', picture };
}

function wordsQuery(value: string): Query | undefined {
  try {
    return { type: 'words', text: decodeURIComponent(value) };
  } catch {
    return undefined;
  }
}
