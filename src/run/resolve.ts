import type { RunConfig } from '../config/index.ts';
import type { TextFrame, Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { CoupletError } from '../errors.ts';
import { findMethod } from '../methods/index.ts';
import { checkFreeze, type Freeze } from '../models/freeze.ts';
import { type AnyModelSpec, hasTexts, modelSpec } from '../models/registry.ts';
import type { TextSpec } from '../models/text.ts';
import { fullCompression } from './compression.ts';
import { checkHeldTowers } from './held-towers.ts';

/** A config, and what follows from it without its data. */
export interface ResolvedConfig {
  /** With its compression in full, so that a saved run does not depend on a file that may change. */
  config: RunConfig;
  /** Without the tokenizer's vocabulary, which modelWith() adds. */
  model: AnyModelSpec;
  /** Towers, or first blocks of towers, that keep their weights. */
  freeze?: Freeze;
  /** Tokens of a caption. Absent where the method has no texts. */
  contextLength?: number;
  /** Absent where it is CLIP's. */
  frame?: TextFrame;
}

/** Throws a CoupletError for a method with texts on a model without a text tower, a compression that does not fit the image, and a wrong `freeze`. */
export function resolveConfig(config: RunConfig): ResolvedConfig {
  const {
    freeze,
    from: _,
    ...model
  } = modelSpec(config.model as string | AnyModelSpec) as AnyModelSpec & {
    freeze?: Freeze;
    from?: string;
  };
  const { tokens: needsTexts } = findMethod(config.method.name).needs;
  if (needsTexts && !hasTexts(model))
    throw new CoupletError(
      `method ${config.method.name} needs a text tower: give model.embedDim and model.text beside model.image, or a name such as ViT-B-32.`,
    );
  if (!needsTexts && model.image.head)
    throw new CoupletError(
      `model.image.head: method ${config.method.name} has heads of its own (method.head). Leave it out.`,
    );
  if (freeze) {
    const trained = needsTexts ? model : { image: model.image };
    checkFreeze(freeze, { model: trained, method: config.method.name });
  }
  checkTuning(config);
  checkHeldTowers(config, freeze);
  const compression = fullCompression(config, model);
  return {
    config: compression ? { ...config, compression } : config,
    model,
    ...(freeze && { freeze }),
    ...(needsTexts && hasTexts(model) && textsOf(model.text)),
  };
}

function textsOf({
  contextLength,
  pool,
  padId = 0,
}: TextSpec): Pick<ResolvedConfig, 'contextLength' | 'frame'> {
  // What is read at the last position needs no start, and an end of any id.
  const frame = { start: pool !== 'last', padId };
  return { contextLength, ...((!frame.start || padId !== 0) && { frame }) };
}

function checkTuning({ model, method, optimizer, emaWeights }: RunConfig): void {
  const { averages } = findMethod(method.name);
  if (emaWeights && averages)
    throw new CoupletError(
      `emaWeights: method ${method.name} evaluates its ${averages}, a moving average of the weights already. Leave emaWeights out.`,
    );
  if (optimizer.loadedRate !== undefined && !namesFile(model))
    throw new CoupletError(
      'optimizer.loadedRate is the rate of loaded weights, and the model loads none: give model.from, or leave it out.',
    );
}

/** Whether a model, or one of its towers, comes from a file. */
function namesFile(model: unknown): boolean {
  if (typeof model !== 'object' || model === null) return false;
  return 'from' in model || Object.values(model).some(namesFile);
}

/** The model with the tokenizer's vocabulary; without a tokenizer its image tower alone. */
export function modelWith(
  { config, model }: ResolvedConfig,
  tokenizer: Pick<Tokenizer, 'vocabSize'> | undefined,
): AnyModelSpec {
  if (!hasTexts(model) || !tokenizer) return { image: model.image };
  // The vocabulary of a named model need not be that of the data.
  const vocabSize = typeof config.model === 'string' ? undefined : model.text.vocabSize;
  if (vocabSize !== undefined && vocabSize < tokenizer.vocabSize)
    throw new CoupletError(
      namesFile(config.model)
        ? `The text tower of the weights has ${vocabSize} ids, but the tokenizer has ${tokenizer.vocabSize}. Give the tokenizer of these weights: data.tokenizer: { type: 'file', path: 'tokenizer.json' }.`
        : `model.text.vocabSize is ${vocabSize}, but the tokenizer has ${tokenizer.vocabSize} ids. Leave vocabSize out: the tokenizer's is then used.`,
    );
  return { ...model, text: { ...model.text, vocabSize: vocabSize ?? tokenizer.vocabSize } };
}
