import type { AnyModelSpec } from '../models/registry.ts';
import type { LayoutDefinition } from '../weights/layout.ts';
import type { Fit } from './fit.ts';

/** How pictures are cut and normalised. */
export interface Preprocessing {
  imageSize: number;
  mean: readonly number[];
  std: readonly number[];
}

/** Ids of special tokens. */
export interface SpecialIds {
  start?: number;
  end: number;
}

export interface FormContext {
  model: AnyModelSpec;
  pixels: Preprocessing;
  /** Of a pair. */
  ids?: SpecialIds;
  /** Whether the run's tokenizer is CLIP's own. */
  isClipTokenizer: boolean;
  /** Of the loss. */
  logitBias?: number;
}

/** A model class of another program: what it can be, the names of its tensors, and its config file. */
export interface Form {
  /** `CLIPModel`. */
  title: string;
  fit: Fit;
  layout: LayoutDefinition;
  weightsFile: string;
  configFile: string;
  config(context: FormContext): Record<string, unknown>;
  /** Whether the file has a place for `logit_bias`. */
  logitBias?: boolean;
  /** Tensors of the class that Couplet has not, with the values that change nothing. */
  extra?(model: AnyModelSpec): Map<string, { shape: readonly number[]; value: number }>;
}

export const defineForm = (form: Form): Form => form;
