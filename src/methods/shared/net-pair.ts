import type { VitSpec } from '../../models/vit.ts';
import type { Init } from '../../nn/init.ts';
import { Module } from '../../nn/module.ts';
import type { StepContext } from '../../time/clock.ts';
import { cosine, type Schedule } from '../../time/schedules.ts';
import { full, noGrad, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import type { MethodContext } from '../method.ts';
import { Net, type NetParts } from './backbone.ts';
import { ViewMethod } from './view-method.ts';

export interface PairParts<Head extends Module, Predictor> extends NetParts<Head> {
  /** In checkpoints, with separator. */
  followerPrefix: string;
  /** A second head of the leader alone. */
  makePredictor?(init: Init): Predictor;
}

/** A net that learns, and a slow copy that gives the targets. */
export class NetPair<Head extends Module, Predictor extends Module | undefined = undefined> extends Module {
  readonly leader: Net<Head>;
  readonly predictor: Predictor;
  readonly follower: Net<Head>;

  constructor(init: Init, spec: VitSpec, parts: PairParts<Head, Predictor>) {
    super();
    this.leader = this.child('', new Net(init, spec, parts));
    this.predictor = parts.makePredictor?.(init) as Predictor;
    if (this.predictor) this.child('predictor.', this.predictor);
    this.follower = this.child(parts.followerPrefix, new Net(init, spec, parts));
    startAsCopy(this.follower, this.leader);
  }
}

/**
 * Copies `original` into `copy`, which has no gradient from now on.
 * @equation FastCL 7.1: the key net: k <- m k + (1 - m) q; m(s) = 1 - (1 - m_0) (1 + cos(pi s)) / 2
 */
export function startAsCopy(copy: Module, original: Module): void {
  const tensors = original.namedTensors();
  for (const [name, tensor] of copy.namedTensors()) tensor.set_(tensors.get(name)!);
  for (const parameter of copy.namedParameters().values()) parameter.requireGrad(false);
}

/**
 * copy <- m copy + (1 - m) original (He et al. 2020, equation 2), except running statistics of batch norms.
 * @equation FastCL 7.1: the key net: k <- m k + (1 - m) q; m(s) = 1 - (1 - m_0) (1 + cos(pi s)) / 2
 */
export function follow(
  copy: Module,
  original: Module,
  { emaMomentum, except = new Set() }: { emaMomentum: number; except?: ReadonlySet<string> },
): void {
  const moving = (module: Module) =>
    [...module.namedParameters()].flatMap(([name, tensor]) => (except.has(name) ? [] : [tensor]));
  const [followers, leaders] = [moving(copy), moving(original)];
  noGrad(() => {
    ops._foreach_mul__Scalar(followers, emaMomentum);
    ops._foreach_add__List(followers, leaders, 1 - emaMomentum);
  });
}

interface PairOptions {
  name: string;
  /** At the start; rises to 1 along half a cosine. */
  emaMomentum: number;
}

/** A method whose targets come from a follower. */
export abstract class PairMethod<
  Options extends PairOptions,
  Head extends Module,
  Predictor extends Module | undefined = undefined,
  Next = null,
> extends ViewMethod<Options, NetPair<Head, Predictor>, Next> {
  readonly #emaMomentum: Schedule;
  /** The follower's are equal; averaging them would round. */
  #frozen: ReadonlySet<string> = new Set();

  constructor(context: MethodContext<Options>, parts: PairParts<Head, Predictor>) {
    super(context, (init, spec) => new NetPair(init, spec, parts));
    this.#emaMomentum = cosine(context.options.emaMomentum, 1);
  }

  override freeze(names: ReadonlySet<string>): void {
    super.freeze(names);
    this.#frozen = names;
  }

  protected metricsOf(loss: Tensor, { progress }: StepContext): Record<string, Tensor> {
    const emaMomentum = full([], this.#emaMomentum(progress), { device: loss.device });
    return { loss: loss.detach(), ema_momentum: emaMomentum };
  }

  override commit(_next: Next, { progress }: StepContext): void {
    const { follower, leader } = this.nets;
    follow(follower, leader, { emaMomentum: this.#emaMomentum(progress), except: this.#frozen });
  }
}
