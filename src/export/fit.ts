// What a model has, and what another program's model can have.
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import type { TextSpec } from '../models/text.ts';
import { OPEN_CLIP_VIT, styleFields, TIMM_VIT, type VitSpec } from '../models/vit.ts';

/** What a form of a model allows; what it does not name must be as by default. */
export interface Fit {
  /** Whether it is a pair of towers. */
  texts: boolean;
  resnet?: boolean;
  pools: readonly VitSpec['pool'][];
  classToken: readonly boolean[];
  registers?: boolean;
  layerScale?: boolean;
  preNorm: readonly boolean[];
  /** 'unless preNorm': exactly without preNorm. */
  patchBias: boolean | 'unless preNorm';
  projection?: boolean;
  /** Default: any. */
  normEps?: number;
  activations: readonly NonNullable<VitSpec['activation']>[];
  /** Whether both towers have one activation. */
  oneActivation?: boolean;
  text?: { causal: boolean; pool: NonNullable<TextSpec['pool']>; projectionBias: boolean };
}

/** A spec in which nothing is left to the style of its family. */
export function styled(model: AnyModelSpec): AnyModelSpec {
  const { image } = model;
  if (image.type === 'resnet') return model;
  const style = hasTexts(model) ? OPEN_CLIP_VIT : TIMM_VIT;
  return { ...model, image: { ...styleFields(style), ...image } } as AnyModelSpec;
}

/** What a model (`styled`) has that a form has not, in words. Empty: it fits. */
export function lacking(model: AnyModelSpec, fit: Fit): string[] {
  const { image } = model;
  if (hasTexts(model) !== fit.texts) return [fit.texts ? 'no text tower' : 'a text tower'];
  const texts = hasTexts(model) ? textProblems(model.text, fit) : [];
  if (image.type === 'resnet') return fit.resnet ? texts : ['a ResNet as image tower', ...texts];
  const {
    classToken = true,
    registers = 0,
    layerScale = false,
    activation = 'gelu',
    projection = true,
  } = image;
  const wantedBias = fit.patchBias === 'unless preNorm' ? !image.preNorm : fit.patchBias;
  const all: [boolean, string][] = [
    [!fit.pools.includes(image.pool), `pool '${image.pool}'`],
    [!fit.classToken.includes(classToken), classToken ? 'a class token' : 'no class token'],
    [registers > 0 && !fit.registers, 'registers'],
    [layerScale && !fit.layerScale, 'LayerScale'],
    [!fit.preNorm.includes(image.preNorm!), image.preNorm ? 'preNorm' : 'no preNorm'],
    [image.patchBias !== wantedBias, image.patchBias ? 'patchBias' : 'no patchBias'],
    [fit.texts && projection !== (fit.projection ?? true), projection ? 'a projection' : 'no projection'],
    [differs(image.normEps, fit.normEps), `normEps ${image.normEps}`],
    [!fit.activations.includes(activation), `the activation ${activation}`],
    [
      fit.oneActivation === true && hasTexts(model) && (model.text.activation ?? 'gelu') !== activation,
      'two activations',
    ],
  ];
  return [...all.filter(([isOdd]) => isOdd).map(([, what]) => what), ...texts];
}

function textProblems(text: TextSpec, { text: wanted, normEps, activations }: Fit): string[] {
  if (!wanted) return [];
  const { causal = true, pool = 'end', projectionBias = false, activation = 'gelu' } = text;
  const all: [boolean, string][] = [
    [causal !== wanted.causal, causal ? 'a causal text tower' : 'a text tower that is not causal'],
    [pool !== wanted.pool, `text.pool '${pool}'`],
    [projectionBias !== wanted.projectionBias, 'another text projection'],
    [differs(text.normEps ?? 1e-5, normEps), `text.normEps ${text.normEps ?? 1e-5}`],
    [!activations.includes(activation), `the activation ${activation}`],
  ];
  return all.filter(([isOdd]) => isOdd).map(([, what]) => what);
}

const differs = (eps: number | undefined, wanted: number | undefined) =>
  wanted !== undefined && eps !== wanted;
