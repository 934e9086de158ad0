import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CoupletError } from '../errors.ts';
import { EMA_FILE, MODEL_FILE, runPaths, stepOfCheckpoint } from '../io/checkpoint-files.ts';
import { readJsonFile } from '../io/json-file.ts';
import { type AnyModelSpec, hasTexts, modelSpec } from '../models/registry.ts';
import { OPEN_CLIP_VIT, styleFields, TIMM_VIT } from '../models/vit.ts';
import { openWeights, type WeightFiles, withoutPrefix } from './files.ts';
import type { FoundWeights } from './find.ts';
import { openClip } from './layouts/open-clip.ts';
import { ownVit } from './layouts/timm.ts';

const channels = z.tuple([z.number(), z.number(), z.number()]);
const runConfig = z.looseObject({
  model: z.union([z.string(), z.looseObject({ image: z.looseObject({}) })]),
  data: z.looseObject({ mean: channels, std: channels, tokenizer: z.looseObject({ type: z.string() }) }),
});

/** In order: the net of a method on pictures alone that encodes pictures. */
const NETS = ['teacher.backbone.', 'backbone.'];

/** A run of Couplet, or one of its checkpoints; undefined for anything else. Throws a CoupletError for a run without a checkpoint. */
export function findOwnRun(path: string): FoundWeights | undefined {
  const isCheckpoint = stepOfCheckpoint(basename(path)) !== undefined && existsSync(join(path, MODEL_FILE));
  const runDir = isCheckpoint ? dirname(dirname(path)) : path;
  const paths = runPaths(runDir);
  if (!existsSync(paths.config) || !existsSync(paths.checkpoints)) return undefined;
  const checkpoint = isCheckpoint ? path : newestCheckpoint(runDir);
  const saved = readJsonFile(paths.config, runConfig, 'model.from names this run: check the path.');
  const { mean, std, tokenizer } = saved.data;
  const own = { ...weightsOf(checkpoint), path };
  const net = NETS.find((each) => own.tensors.has(`${each}pos_embed`));
  return {
    path,
    files: net === undefined ? own : onlyPrefix(own, net),
    own,
    title: "Couplet's run",
    layout: net === undefined ? openClip : ownVit,
    model: specOf(saved.model, own),
    pixels: { mean, std },
    tokenizer: existsSync(paths.tokenizer) ? { type: 'file', path: paths.tokenizer } : tokenizer,
  };
}

/** As evaluations and exports: the moving average, where the run has one. */
function weightsOf(checkpoint: string): WeightFiles {
  const last = openWeights(join(checkpoint, MODEL_FILE));
  if (!existsSync(join(checkpoint, EMA_FILE))) return last;
  const { places } = openWeights(join(checkpoint, EMA_FILE));
  return { ...last, places: new Map([...last.places, ...places]) };
}

function newestCheckpoint(runDir: string): string {
  const { checkpoints } = runPaths(runDir);
  const steps = readdirSync(checkpoints).filter(
    (name) => stepOfCheckpoint(name) !== undefined && existsSync(join(checkpoints, name, MODEL_FILE)),
  );
  const newest = steps.sort((a, b) => stepOfCheckpoint(a)! - stepOfCheckpoint(b)!).at(-1);
  if (newest) return join(checkpoints, newest);
  throw new CoupletError(`model.from: ${runDir} has no checkpoint yet: train it first.`);
}

/** A saved config may leave the size of the vocabulary to the tokenizer, and name a text tower that its method did not have. */
function specOf(model: unknown, { tensors }: WeightFiles): AnyModelSpec {
  const named = modelSpec(model as string | AnyModelSpec);
  const rows = tensors.get('token_embedding.weight')?.shape[0];
  const style = rows === undefined ? TIMM_VIT : OPEN_CLIP_VIT;
  const image = named.image.type === 'resnet' ? named.image : { ...styleFields(style), ...named.image };
  if (!hasTexts(named) || rows === undefined) return { image };
  const { embedDim, text } = named;
  return { embedDim, image, text: { ...text, vocabSize: rows } };
}

function onlyPrefix(files: WeightFiles, prefix: string): WeightFiles {
  const only = <Value>(map: ReadonlyMap<string, Value>) =>
    new Map([...map].filter(([name]) => name.startsWith(prefix)));
  return withoutPrefix({ ...files, tensors: only(files.tensors), places: only(files.places) }, prefix);
}
