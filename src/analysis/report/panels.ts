import { FAINT, moved, picture, text } from './svg.ts';

/** Width of pictures, in pixels. */
const PAGE = 1080;
const GAP = 26;
const HEAD = 54;

export interface Panel {
  title: string;
  body: string;
}

/** Panels in rows that fit the page, under a title and a line on how to read them. */
export function panels(
  list: readonly Panel[],
  { title, note, width, height }: { title: string; note: string; width: number; height: number },
): string {
  const columns = Math.max(1, Math.min(list.length, Math.floor((PAGE + GAP) / (width + GAP))));
  const rows = Math.ceil(list.length / columns);
  const body = list.map((panel, i) =>
    moved(
      10 + (i % columns) * (width + GAP),
      HEAD + Math.floor(i / columns) * (height + 22 + GAP),
      text(panel.title, { x: 0, y: 12, 'font-weight': 600 }),
      moved(0, 22, panel.body),
    ),
  );
  const size = {
    width: Math.max(20 + 6.3 * note.length, 20 + columns * (width + GAP) - GAP),
    height: HEAD + rows * (height + 22 + GAP),
  };
  return picture(
    { ...size, title },
    text(title, { x: 10, y: 20, 'font-size': 15, 'font-weight': 600 }),
    text(note, { x: 10, y: 38, fill: FAINT, 'font-size': 11.5 }),
    ...body,
  );
}
