import type { LayoutDefinition } from '../layout.ts';
import { hfClip } from './hf-clip.ts';
import { hfDinov2, hfDinov25, hfVit, hfVit5 } from './hf-vit.ts';
import { openClip } from './open-clip.ts';
import { hfSiglip } from './siglip.ts';
import { openClipTrunk, timmVit } from './timm.ts';

/** Families of files, the most particular first. */
export const layouts: readonly LayoutDefinition[] = [
  openClipTrunk,
  openClip,
  hfSiglip,
  hfClip,
  hfVit,
  hfVit5,
  hfDinov2,
  hfDinov25,
  timmVit,
];
