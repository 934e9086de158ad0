import { type Icon, wordsOf } from './icon.ts';
import { bootstrap, fluent, remix } from './named-packs.ts';
import { materialDesign, phosphor, tabler } from './tagged-packs.ts';

export { packsInstalled } from './pack-files.ts';
export { loadLucide } from './tagged-packs.ts';

/** Every pack that is trained on, without the held-out one. Some 27,000 drawings; sorted, so the same on every machine. */
export async function loadTrainingPacks(): Promise<Icon[]> {
  const packs = [materialDesign(), tabler(), await phosphor(), fluent(), remix(), bootstrap()];
  return packs.flat().map((icon) => ({ ...icon, name: wordsOf(icon.name) }));
}
