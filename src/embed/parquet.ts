import type { EmbedRecord } from './record.ts';
export async function writeParquet(_folder: string, _record: EmbedRecord): Promise<void> {}
