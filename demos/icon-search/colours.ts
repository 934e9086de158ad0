/** Least contrast of ink and background, as WCAG 2 counts it (1 to 21); 3 is what it asks of graphics. */
const LEAST_CONTRAST = 3;
const WHITE = '#ffffff';

/** A third of the backgrounds are white, the others of any colour; the ink is any colour with enough contrast to it. */
export function coloursOf(chance: (what: string) => number): { ink: string; background: string } {
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
