// Writes the weights of a run as one safetensors file, for open_clip, timm or any other program.
//
//   node --import jiti/register examples/export.ts RUN OUT
//   node --import jiti/register examples/export.ts runs/clip exported
//
// Takes a second. What OUT/model.safetensors holds:
//   a CLIP                 both towers under open_clip's names (visual.conv1.weight, ln_final.weight, ...)
//   moco-v3, simclr, dino  the ViT under timm's names (patch_embed.proj.weight, blocks.0.attn.qkv.weight, ...), of dino the teacher
// In Python: model.load_state_dict(safetensors.torch.load_file("exported/model.safetensors"))
// OUT also gets config.json, with the sizes of the model, and tokenizer.json if the run learnt one.

import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadRun, type torch, writeSafetensors } from 'couplet';

const [runDir = 'runs/clip', out = 'exported'] = process.argv.slice(2);

const run = await loadRun(runDir);
const weights = [...exportedWeights(run.method.model)];

mkdirSync(out, { recursive: true });
await writeSafetensors(
  join(out, 'model.safetensors'),
  new Map(weights.map(([name, tensor]) => [name, bytesOf(tensor)])),
);
for (const file of ['config.json', 'tokenizer.json'])
  if (existsSync(join(runDir, file))) copyFileSync(join(runDir, file), join(out, file));

const parameters = weights.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
console.log(
  `${out}/model.safetensors: ${weights.length} tensors, ${parameters.toLocaleString('en')} numbers`,
);
console.log(`from ${run.checkpoint}, step ${run.step}; the first is ${weights[0]![0]}`);
run.close();

/** A CLIP as it is. Of a method on pictures alone the ViT, without heads and without the name of its part. */
function* exportedWeights(model: ReadonlyMap<string, torch.Tensor>): Generator<[string, torch.Tensor]> {
  const names = [...model.keys()];
  const part = ['teacher.backbone.', 'backbone.'].find((start) =>
    names.some((name) => name.startsWith(start)),
  );
  for (const [name, tensor] of model) {
    if (!part) yield [name, tensor];
    else if (name.startsWith(part)) yield [name.slice(part.length), tensor];
  }
}

/** A tensor as safetensors has it: row-major bytes with dtype and shape. */
function bytesOf(tensor: torch.Tensor) {
  const { buffer, byteOffset, byteLength } = tensor.toArray();
  return { dtype: tensor.dtype, shape: tensor.shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
}
