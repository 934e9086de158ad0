import sharp from 'sharp';
import type { Pose } from './pose.ts';

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
