import { z } from 'zod';
import type { Json, WeightFiles } from './files.ts';

/** Mean and standard deviation of each channel, of pixels in [0, 1]. */
export interface Pixels {
  mean: [number, number, number];
  std: [number, number, number];
}

const channels = z.tuple([z.number(), z.number(), z.number()]);
const stdChannels = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]);

/** Of preprocessor_config.json (transformers), preprocess_cfg (open_clip) or pretrained_cfg (timm). */
export function pixelsOf({
  preprocessor,
  config,
}: Pick<WeightFiles, 'preprocessor' | 'config'>): Pixels | undefined {
  const places: [Json | undefined, string, string][] = [
    [preprocessor, 'image_mean', 'image_std'],
    [config?.preprocess_cfg as Json | undefined, 'mean', 'std'],
    [config?.pretrained_cfg as Json | undefined, 'mean', 'std'],
  ];
  for (const [place, meanKey, stdKey] of places) {
    const mean = channels.safeParse(place?.[meanKey]);
    const std = stdChannels.safeParse(place?.[stdKey]);
    if (mean.success && std.success) return { mean: mean.data, std: std.data };
  }
  return undefined;
}
