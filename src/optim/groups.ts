import type { NamedParams } from '../nn/module.ts';
import type { Tensor } from '../torch/index.ts';

export interface ParamGroup {
  names: string[];
  tensors: Tensor[];
  weightDecay: number;
  /** Factor of the step's learning rate; default 1. */
  lrScale?: number;
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

interface GroupOptions {
  /** Which parameters decay. */
  rule?: typeof decays;
  /** false: learned positions and class tokens do not decay. */
  positions?: boolean;
  /** Factor of a parameter's learning rate; default 1. */
  lrScale?: (name: string) => number;
}

/**
 * Parameters with weight decay, then those without; each by their learning rates.
 * @equation FastCLIP 5.1: no weight decay for vectors, scalars, biases and norms
 */
export function decayGroups(
  params: NamedParams,
  weightDecay: number,
  { rule = decays, positions = true, lrScale = () => 1 }: GroupOptions = {},
): ParamGroup[] {
  const hasDecay = ([name, tensor]: [string, Tensor]) =>
    rule(name, tensor) && (positions || !POSITIONS.test(name));
  const groups = new Map<string, ParamGroup>();
  const entries = [...params];
  const ordered = [...entries.filter(hasDecay), ...entries.filter((entry) => !hasDecay(entry))];
  for (const entry of ordered) {
    const [name, tensor] = entry;
    const rates = { weightDecay: hasDecay(entry) ? weightDecay : 0, lrScale: lrScale(name) };
    const key = `${hasDecay(entry)} ${rates.lrScale}`;
    const group = groups.get(key) ?? { names: [], tensors: [], ...rates };
    groups.set(key, group);
    group.names.push(name);
    group.tensors.push(tensor);
  }
  return [...groups.values()];
}
