import { cifar10 } from './cifar10.ts';
import type { DataSet } from './data-set.ts';
import { tinyImagenet100 } from './tiny-imagenet-100.ts';

const emoji: DataSet = {
  name: 'emoji',
  summary: "21,000 drawings of emoji with people's words, from npm packages that scripts/setup installs",
  expected: {},
  async build(out) {
    const { buildEmojiData } = await import('../../demos/emoji-search/data.ts');
    const { train, heldOut, newDrawing, gallery } = await buildEmojiData(out);
    return {
      train: train.samples,
      'held-out': heldOut.emoji,
      'new-drawing': newDrawing.emoji,
      gallery: gallery.emoji,
    };
  },
};

const icons: DataSet = {
  name: 'icons',
  summary: '30,000 icons with captions; first: npm ci --ignore-scripts --prefix demos/icon-search',
  expected: { train: 25_932, val: 1901, lucide: 1907 },
  async build(out, { size = 64 }) {
    const { buildIconData } = await import('../../demos/icon-search/data.ts');
    const { train, val, lucide } = await buildIconData(out, size);
    return { train: train.pairs, val: val.pairs, lucide: lucide.pairs };
  },
};

/** All data sets by which commands of docs/, configs/ and experiments/ run, but those that people bring. */
export const dataSets: readonly DataSet[] = [cifar10, tinyImagenet100, icons, emoji];
