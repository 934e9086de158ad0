import { mkdir, rename, rm } from 'node:fs/promises';

/**
 * Replaces `folder` by what `write` puts into a new one. A reader sees the old folder or the whole new one; if `write` fails,
 * the old one stays.
 */
export async function writeWholeFolder<T>(
  folder: string,
  write: (building: string) => Promise<T>,
): Promise<T> {
  const building = `${folder}.building`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building, { recursive: true });
  try {
    const result = await write(building);
    await rm(folder, { recursive: true, force: true });
    await rename(building, folder);
    return result;
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}
