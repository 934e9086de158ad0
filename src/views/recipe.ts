/** How one view of a picture is made: plain data. Steps that are left out do nothing. */
export interface ViewRecipe {
  /** Side of the square view, in pixels. */
  size: number;
  crop: { scale: [number, number]; ratio: [number, number]; interpolation: 'bicubic' | 'bilinear' };
  /** Probability of a mirror image, left to right. */
  flip: number;
  colorJitter?: {
    probability: number;
    brightness: number;
    contrast: number;
    saturation: number;
    hue: number;
  };
  /** Probability. */
  grayscale?: number;
  /** sigma in pixels, drawn uniformly. */
  blur?: { probability: number; sigma: [number, number] };
  /** Probability; bytes from 128 on are inverted. */
  solarize?: number;
}
