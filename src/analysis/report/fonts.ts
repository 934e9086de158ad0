import sharp from 'sharp';

/** Pixels of a letter on this machine. */
async function drawn(letter: string): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><text x="5" y="30" font-family="sans-serif" font-size="28">${letter}</text></svg>`;
  return sharp(Buffer.from(svg)).raw().toBuffer();
}

/** Whether this machine has fonts: without them all letters are the same empty box. */
export async function hasFonts(): Promise<boolean> {
  const [one, other] = await Promise.all([drawn('I'), drawn('W')]);
  return !one.equals(other);
}
