import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { decodePixels, openPicture } from '../data/pictures/decode.ts';
import { thumbnailFile } from './layout.ts';
import type { PagePictures } from './pictures.ts';

/** In pixels; sharp on a phone's screen. */
const LONGER_SIDE = 320;
/** Decoding runs in threads, while another picture is read. */
const AT_ONCE = 4;
/** Of pictures that a run trains on. */
export const LIMITS = { minSide: 1, maxPixels: 178_956_970 };

/**
 * Writes WebP files into `folder`, of the pixels that a model sees: upright, sRGB, on white.
 * @returns rows whose picture could not be read, with the reason
 */
export async function writeThumbnails(
  folder: string,
  pictures: PagePictures,
  onDone: (count: number) => void,
): Promise<Map<number, string>> {
  const unreadable = new Map<number, string>();
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let row = next++; row < pictures.rows.length; row = next++) {
      const bytes = await thumbnailOf(pictures, row).catch((error: Error) => {
        unreadable.set(row, error.message);
        return undefined;
      });
      if (bytes) {
        const path = join(folder, thumbnailFile(row));
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, bytes);
      }
      onDone(++done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return unreadable;
}

async function thumbnailOf(pictures: PagePictures, row: number): Promise<Uint8Array> {
  const picture = await openPicture(await pictures.readPicture(row), LIMITS);
  const { data, width, height } = await decodePixels(picture);
  const size = { width: LONGER_SIDE, height: LONGER_SIDE, fit: 'inside', withoutEnlargement: true } as const;
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(size)
    .webp({ quality: 75 })
    .toBuffer();
}
