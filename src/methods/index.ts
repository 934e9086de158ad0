import { clip } from './clip.ts';
import { dino } from './dino.ts';
import { fastclip } from './fastclip/fastclip.ts';
import type { MethodDefinition } from './method.ts';
import { mocoV3 } from './moco-v3.ts';
import { siglip } from './siglip.ts';
import { simclr } from './simclr.ts';

/** Every method by name. A new one goes here. */
export const methods = { clip, siglip, fastclip, simclr, 'moco-v3': mocoV3, dino };

/** A method whose options the config's schema has checked. */
export function findMethod(name: string): MethodDefinition {
  return methods[name as keyof typeof methods] as unknown as MethodDefinition;
}

export {
  type Batch,
  type Features,
  type Method,
  type MethodContext,
  type MethodDefinition,
  type MethodLoss,
  mapHeld,
} from './method.ts';
