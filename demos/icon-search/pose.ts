import { hashFraction } from '../hash-fraction.ts';
import { coloursOf } from './colours.ts';

/** How one icon is drawn on a square canvas; colours are "#rrggbb", `angle` in degrees, the others shares of the canvas. */
export interface Pose {
  ink: string;
  background: string;
  scale: number;
  x: number;
  y: number;
  angle: number;
  /** 0 to 1, from the thinnest to the thickest lines. */
  weight: number;
}

/** As the pack itself shows it: dark on white, in the middle. */
export const PLAIN: Pose = {
  ink: '#1d1b18',
  background: '#ffffff',
  scale: 0.84,
  x: 0.5,
  y: 0.5,
  angle: 0,
  weight: 0.5,
};

/** Any pose, from a hash of the key alone: colours, place and weight of lines say nothing about the caption. */
export function poseOf(key: string): Pose {
  const chance = (what: string) => hashFraction(`${key} ${what}`);
  return {
    ...coloursOf(chance),
    scale: 0.66 + 0.3 * chance('scale'),
    x: chance('x'),
    y: chance('y'),
    angle: 12 * (chance('angle') - 0.5),
    weight: chance('weight'),
  };
}
