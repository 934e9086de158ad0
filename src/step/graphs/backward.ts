import type { Batch, Features, Method } from '../../methods/index.ts';
import type { StepContext } from '../../time/clock.ts';
import { backward, gradsOf } from '../../torch/index.ts';
import type { AfterBackward } from '../step.ts';
import type { Replay } from './captured-step.ts';

/** The backward pass of a replayed step. A loss that is not captured runs op by op. */
export function backwardCaptured(
  method: Method,
  { features, learned, loss: captured, backward: pullBack }: Replay,
  { batch, context }: { batch: Batch; context: StepContext },
): AfterBackward {
  if (captured) return { metrics: () => ({}), next: captured.backward() };
  const whole: Features = { ...features };
  for (const name of learned) whole[name] = features[name].detach().requireGrad();
  const { loss, metrics, next } = method.loss(whole, batch.ids, context);
  backward(loss);
  const pulls = gradsOf(learned.map((name) => whole[name]));
  pullBack(Object.fromEntries(learned.map((name, i) => [name, pulls[i]!])));
  return { metrics, next };
}
