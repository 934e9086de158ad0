import { decayGroups, lrScaleOf, type ParamGroup } from '../optim/index.ts';
import type { RunParts } from './build.ts';

/** The groups of a run's parameters: with and without weight decay, by learning rate. */
export function optimizerGroups({
  config,
  method,
  model,
  loaded,
}: Pick<RunParts, 'config' | 'method' | 'model' | 'loaded'>): ParamGroup[] {
  const { weightDecay, decayPositions: positions, layerDecay, loadedRate } = config.optimizer;
  return decayGroups(method.params, weightDecay, {
    positions,
    ...(method.decays && { rule: method.decays }),
    lrScale: (name) => lrScaleOf(name, { model, layerDecay, loadedRate, loaded }),
  });
}
