// Trains an image encoder with MoCo v3 on a folder of pictures, without labels or captions.
//
//   node --import jiti/register examples/moco-v3-on-a-folder.ts photos [EPOCHS] [LABELLED/train LABELLED/test]
//
// All pictures below the folder are taken. The labelled folders hold one folder a class; they only measure.
// 10,000 pictures take about an hour for the 20 epochs on two cores, or a few minutes on a GPU.
// More on choices: docs/self-supervised.md.

import { evaluateRun, Progress, parseConfig, train } from 'couplet';

const [photos = 'photos', epochs = '20', labelledTrain, labelledTest] = process.argv.slice(2);

const config = parseConfig({
  name: 'moco-v3',
  // Pictures of 64 pixels in patches of 8. With a GPU: model: 'ViT-S-16', precision: 'bfloat16'.
  model: {
    image: { imageSize: 64, patchSize: 8, width: 192, layers: 6, heads: 3, positionEmbedding: 'sincos' },
  },
  // One query a picture costs half of the symmetric loss.
  method: { name: 'moco-v3', symmetric: false, heads: { hidden: 512, embedDim: 128 } },
  data: { train: { type: 'folder', path: photos, labelled: false } },
  batch: { globalBatchSize: 64 },
  duration: { epochs: Number(epochs) },
  // Half of the patches are enough until the last tenth of the run.
  compression: { stages: [{ from: 0, tokenDropout: 0.5 }, { from: 0.9 }] },
  optimizer: { peakLr: 5e-4 },
  schedule: { warmup: { share: 0.1 }, shape: 'polynomial' },
});

const progress = new Progress();
const { runDir } = await train(config, { onEvent: (event) => progress.show(event) });
progress.end();
console.log(`${runDir}: trained.`);

// Are pictures of one class close together? The same question to the weights before the first step is the measure.
if (labelledTrain && labelledTest) {
  for (const checkpoint of ['start', 'latest']) {
    const { neighbours } = await evaluateRun(runDir, {
      checkpoint,
      knn: true,
      train: { type: 'folder', path: labelledTrain },
      test: { type: 'folder', path: labelledTest },
    });
    console.log(`k-NN at ${checkpoint}: ${(100 * neighbours!.top1).toFixed(1)} % right`);
  }
}
