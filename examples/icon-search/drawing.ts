import sharp from 'sharp';
import { lot } from '../emoji-search/lot.ts';

/** An SVG file's root attributes that matter, and what is inside. */
export interface Drawing {
  viewBox: string;
  /** Width of the view box, in its own units. */
  width: number;
  fill?: string;
  stroke?: string;
  strokeWidth?: number;
  /** Without the root element, so it is the same for all files that draw the same. */
  body: string;
}

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

/** Reads an icon's SVG: one root element with a view box. Throws when it is something else. */
export function readDrawing(svg: string): Drawing {
  const [, root, body] = /<svg\b([^>]*)>([\s\S]*)<\/svg>/.exec(svg) ?? [];
  const attribute = (name: string) => new RegExp(`\\s${name}="([^"]*)"`).exec(root ?? '')?.[1];
  const viewBox = attribute('viewBox');
  if (!body || !viewBox) throw new Error(`expected an SVG with a viewBox, got ${svg.slice(0, 80)}`);
  const [fill, stroke, strokeWidth] = [attribute('fill'), attribute('stroke'), attribute('stroke-width')];
  return {
    ...{ viewBox, width: Number(viewBox.split(/[\s,]+/)[2]), body: visible(body) },
    ...(fill && { fill }),
    ...(stroke && { stroke }),
    ...(strokeWidth && { strokeWidth: Number(strokeWidth) }),
  };
}

/** Packs mark their grid by an invisible square, which a stroke would make visible. */
const visible = (body: string): string =>
  body
    .replace(/<path(?=[^>]*\sfill="none")(?=[^>]*\sd="M0[ ,]?0h24v24H0z")[^>]*\/>/gi, '')
    .replace(/\s+/g, ' ')
    .trim();

/** Whether the drawing has colours of its own, beside black and the text's colour. */
export const isColoured = ({ body }: Drawing): boolean =>
  /(fill|stroke)="(?!none|currentColor|#000|#242424|#212121|black)/.test(body);

const INK: Drawing['fill'] = 'currentColor';
/** Outlines of packs that draw lines have this share of their own width; shapes are made thicker by this share of the canvas. */
const LINES = { thin: 0.6, thick: 1.4 };
const EDGE = 0.02;

/** An SVG of `size` pixels: the icon in its pose, on its background. */
export function svgOf(drawing: Drawing, pose: Pose, size: number): string {
  const { viewBox, fill = INK, stroke, strokeWidth, width } = drawing;
  const { ink, background, scale, x, y, angle, weight } = pose;
  const line = stroke
    ? { colour: stroke, width: (strokeWidth ?? 1) * (LINES.thin + (LINES.thick - LINES.thin) * weight) }
    : { colour: INK, width: EDGE * weight * width };
  const middle = size / 2;
  const side = scale * size;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}">` +
    `<rect width="${size}" height="${size}" fill="${background}"/>` +
    `<g color="${ink}" transform="rotate(${angle.toFixed(2)} ${middle} ${middle})">` +
    `<svg x="${(x * (size - side)).toFixed(2)}" y="${(y * (size - side)).toFixed(2)}" width="${side.toFixed(2)}" height="${side.toFixed(2)}" viewBox="${viewBox}" ` +
    `fill="${fill}" stroke="${line.colour}" stroke-width="${line.width.toFixed(3)}" stroke-linecap="round" stroke-linejoin="round">` +
    `${drawing.body.replace(/#(242424|212121|000000|000)\b/g, ink)}</svg></g></svg>`
  );
}

/** A PNG of 16 colours: background, ink and what lies between. */
export const rasterise = (svg: string): Promise<Buffer> =>
  sharp(Buffer.from(svg))
    .flatten()
    .png({ palette: true, colours: 16, dither: 0, compressionLevel: 9, effort: 1 })
    .toBuffer();

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
  const chance = (what: string) => lot(`${key} ${what}`);
  return {
    ...coloursOf(chance),
    scale: 0.66 + 0.3 * chance('scale'),
    x: chance('x'),
    y: chance('y'),
    angle: 12 * (chance('angle') - 0.5),
    weight: chance('weight'),
  };
}

/** Least contrast of ink and background, as WCAG 2 counts it (1 to 21); 3 is what it asks of graphics. */
const LEAST_CONTRAST = 3;
const WHITE = '#ffffff';

/** A third of the backgrounds are white, the others of any colour; the ink is any colour with enough contrast to it. */
function coloursOf(chance: (what: string) => number): Pick<Pose, 'ink' | 'background'> {
  const background = chance('paper') < 1 / 3 ? WHITE : colour(chance, 'background');
  for (let attempt = 0; ; attempt++) {
    const ink = colour(chance, `ink ${attempt}`);
    if (contrast(ink, background) >= LEAST_CONTRAST) return { ink, background };
  }
}

function colour(chance: (what: string) => number, what: string): string {
  const byte = (channel: string) => Math.floor(256 * chance(`${what} ${channel}`));
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return `#${['red', 'green', 'blue'].map((channel) => hex(byte(channel))).join('')}`;
}

/** Contrast ratio of two colours, 1 to 21 (WCAG 2.2, section 1.4.3). */
export function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
