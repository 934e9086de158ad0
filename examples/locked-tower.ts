// Trains on top of a trained run without moving its image tower: heads behind both towers, on a table of their features.
//
//   node --import jiti/register examples/locked-tower.ts runs/clip train.csv held-out.csv [EPOCHS]
//
// Each picture and caption is encoded once, before the first step. 20 epochs of 8,000 pictures then take a minute or two on two cores.
// For new text in front of known pictures, freeze the image tower alone: docs/weights.md#train-on-a-locked-tower

import { Progress, parseConfig, train } from 'couplet';

const [before = 'runs/clip', trainCsv = 'train.csv', heldOutCsv = 'held-out.csv', epochs = '20'] =
  process.argv.slice(2);

const head = { layers: 2, hidden: 256 };

const config = parseConfig({
  name: 'locked-tower',
  model: {
    from: before, // sizes, tokenizer and pixels follow from it
    freeze: { image: 'all', text: 'all' },
    image: { head },
    text: { head },
  },
  method: { name: 'fastclip' },
  data: { train: { type: 'manifest', path: trainCsv }, hold: 'features' },
  // Features are small, so large batches fit.
  batch: { globalBatchSize: 64 },
  duration: { epochs: Number(epochs) },
  optimizer: { peakLr: 1e-3 },
  evaluate: { retrieval: { data: { type: 'manifest', path: heldOutCsv } } },
});

const progress = new Progress();
const { runDir, report } = await train(config, { onEvent: (event) => progress.show(event) });
progress.end();
const { pairs, textToImage } = report!.retrieval!;
console.log(
  `${runDir}: of ${pairs} held-out captions ${(100 * textToImage.r10).toFixed(1)} % find their picture in ten.`,
);
