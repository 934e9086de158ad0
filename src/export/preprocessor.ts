import { join } from 'node:path';
import type { LoadedRun } from '../run/load-run.ts';
import { writeJson } from './write-form.ts';

/** preprocessor_config.json. @param resizes false: the graph itself resizes and crops */
export async function writePreprocessor(
  folder: string,
  { imageSize, config: { data } }: Pick<LoadedRun, 'imageSize' | 'config'>,
  { resizes, processor }: { resizes: boolean; processor?: string },
): Promise<void> {
  await writeJson(join(folder, 'preprocessor_config.json'), {
    image_processor_type: 'CLIPImageProcessor',
    ...(processor && { processor_class: processor }),
    do_convert_rgb: true,
    do_resize: resizes,
    do_center_crop: resizes,
    ...(resizes && {
      size: { shortest_edge: imageSize },
      resample: 3,
      crop_size: { height: imageSize, width: imageSize },
    }),
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: data.mean,
    image_std: data.std,
  });
}
