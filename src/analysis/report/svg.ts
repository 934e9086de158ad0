// SVG as strings.
import { escaped } from '../../io/html.ts';

type Attributes = Record<string, string | number | undefined>;

/** An element. Numbers are rounded to a hundredth, undefined attributes left out. */
export function element(name: string, attributes: Attributes, ...children: string[]): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${typeof value === 'number' ? rounded(value) : escaped(value)}"`],
  );
  return children.length === 0
    ? `<${name}${written.join('')}/>`
    : `<${name}${written.join('')}>${children.join('')}</${name}>`;
}

export function text(content: string, { x, y, ...more }: { x: number; y: number } & Attributes): string {
  return element('text', { x, y, ...more }, escaped(content));
}

export const moved = (x: number, y: number, ...children: string[]): string =>
  element('g', { transform: `translate(${rounded(x)} ${rounded(y)})` }, ...children);

/** A whole picture, with a title for screen readers. */
export function picture(
  { width, height, title }: { width: number; height: number; title: string },
  ...children: string[]
): string {
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
      width: Math.ceil(width),
      height: Math.ceil(height),
      role: 'img',
      'font-family': "Inter, 'Segoe UI', 'DejaVu Sans', sans-serif",
      'font-size': 12,
      fill: INK,
    },
    element('title', {}, escaped(title)),
    element('rect', { width: '100%', height: '100%', fill: '#ffffff' }),
    ...children,
  );
}

export const INK = '#1c2733';
export const FAINT = '#66737f';
export const RULE = '#d5dbe1';
/** Marks the best; never by colour alone. */
export const ACCENT = '#b3470b';

const LIGHT = [244, 248, 251];
const DARK = [22, 62, 108];

/** A colour from nearly white at 0 to dark blue at 1, and a readable ink. */
export function shade(share: number): { fill: string; ink: string } {
  const t = Math.min(1, Math.max(0, share));
  const channels = LIGHT.map((light, i) => Math.round(light + (DARK[i] - light) * t));
  return { fill: `rgb(${channels.join(' ')})`.replaceAll(' ', ','), ink: t > 0.69 ? '#ffffff' : '#000000' };
}

const rounded = (value: number): string => String(Math.round(value * 100) / 100);

/** Two or three significant digits: `0.0042`, `0.37`, `12.4`, `256`, `3.1e4`. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 9999.5 || size < 0.0005) return value.toExponential(1).replace('+', '').replace('-', '−');
  const digits = size >= 99.95 ? 3 : size >= 9.995 ? 3 : 2;
  return String(Number(value.toPrecision(digits))).replace('-', '−');
}

/** `25 %` of 0.25. */
export const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
