import sharp from 'sharp';

/** A letter as this machine draws it. */
async function drawn(letter: string): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><text x="5" y="30" font-family="sans-serif" font-size="28">${letter}</text></svg>`;
  return sharp(Buffer.from(svg)).raw().toBuffer();
}

/** Whether pictures with text can be drawn: without any font, as on many a server, all letters come out as the same empty box. */
export async function hasFonts(): Promise<boolean> {
  const [one, other] = await Promise.all([drawn('I'), drawn('W')]);
  return !one.equals(other);
}
