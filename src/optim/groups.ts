import type { NamedParams } from '../nn/module.ts';
import type { Tensor } from '../torch/index.ts';

export interface ParamGroup {
  names: string[];
  tensors: Tensor[];
  weightDecay: number;
}

/**
 * The rule of open_clip's former script: no decay for vectors, scalars, biases and norms.
 * @equation FastCLIP 5.1: no weight decay for vectors, scalars, biases and norms
 */
export function decays(name: string, tensor: Tensor): boolean {
  return tensor.dim >= 2 && !/bn|ln|bias/.test(name);
}

/** Learned positions and class tokens of both towers; open_clip leaves out an attention pool's. */
const POSITIONS = /^(?!.*attnpool).*(positional_embedding|pos_embed|class_embedding|cls_token)$/;

/**
 * With weight decay and without.
 * @param options.rule which parameters decay. @param options.positions false: learned positions and class tokens do not
 * @equation FastCLIP 5.1: no weight decay for vectors, scalars, biases and norms
 */
export function decayGroups(
  params: NamedParams,
  weightDecay: number,
  { rule = decays, positions = true }: { rule?: typeof decays; positions?: boolean } = {},
): ParamGroup[] {
  const group = (entries: [string, Tensor][], decay: number): ParamGroup => ({
    names: entries.map(([name]) => name),
    tensors: entries.map(([, tensor]) => tensor),
    weightDecay: decay,
  });
  const hasDecay = ([name, tensor]: [string, Tensor]) =>
    rule(name, tensor) && (positions || !POSITIONS.test(name));
  const entries = [...params];
  return [
    group(entries.filter(hasDecay), weightDecay),
    group(
      entries.filter((entry) => !hasDecay(entry)),
      0,
    ),
  ].filter(({ names }) => names.length > 0);
}
