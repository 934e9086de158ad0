// Trains a CLIP on the pictures and captions of a CSV, and measures it on rows that were held out.
//
//   node --import jiti/register examples/clip-on-a-csv.ts train.csv held-out.csv [EPOCHS]
//
// Each CSV begins with the line `filepath,title`; paths are relative to the CSV. Columns of other names: docs/data.md.
// 8,000 pictures take some five minutes for the 10 epochs, on two cores without a GPU.
// Next: examples/embed-and-search.ts runs/clip FOLDER "words"

import { Progress, parseConfig, train } from 'couplet';

const [trainCsv = 'train.csv', heldOutCsv = 'held-out.csv', epochs = '10'] = process.argv.slice(2);

const config = parseConfig({
  name: 'clip',
  // A small model, for a laptop. With a GPU: model: 'ViT-B-32', precision: 'bfloat16'.
  model: {
    embedDim: 128,
    image: { imageSize: 48, patchSize: 12, width: 128, layers: 4, heads: 2, pool: 'mean' },
    text: { contextLength: 32, width: 128, heads: 2, layers: 1 },
  },
  // FastCLIP-v3 is made for small batches. Others: { name: 'clip' } and { name: 'siglip' }.
  method: { name: 'fastclip' },
  data: {
    train: { type: 'manifest', path: trainCsv },
    // The tokenizer is learnt on your captions.
    tokenizer: { type: 'bpe', vocabSize: 1024 },
  },
  batch: { globalBatchSize: 64 },
  duration: { epochs: Number(epochs) },
  optimizer: { peakLr: 7e-4, clipGradNorm: 1 },
  schedule: { warmup: { share: 0.1 } },
  evaluate: {
    every: { share: 0.2 },
    retrieval: { data: { type: 'manifest', path: heldOutCsv } },
  },
});

// Progress draws the line of loss and time left. Leave it out for silence, or give a function of your own.
const progress = new Progress();
const { runDir, report } = await train(config, { onEvent: (event) => progress.show(event) });
progress.end();

const { pairs, textToImage } = report!.retrieval!;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
console.log(
  `${runDir}: of ${pairs} held-out captions ${percent(textToImage.r10)} find their picture in ten.`,
);
console.log(`By guessing: ${percent(Math.min(1, 10 / pairs))}.`);
