// b samples of this rank, V views, D width of the backbone, E of the embedding.

import type { VitSpec } from '../../models/vit.ts';
import { Init } from '../../nn/init.ts';
import type { Module, NamedParams } from '../../nn/module.ts';
import { unitRows } from '../../nn/unit-rows.ts';
import type { Ranks } from '../../ranks/index.ts';
import type { StepContext } from '../../time/clock.ts';
import { noGrad, type Tensor } from '../../torch/index.ts';
import * as ops from '../../torch/ops.ts';
import type { Batch, Features, Method, MethodContext, MethodLoss, MethodState, Pass } from '../method.ts';
import { learnedParameters, type Net, vitOf } from './backbone.ts';
import { ViewEncoder } from './view-encoder.ts';

export interface Nets extends Module {
  /** The net of `trained` passes. */
  readonly leader: Net<Module>;
  /** The net of other passes. */
  readonly follower?: Net<Module>;
}

/** A method on views of pictures. Its `passes` say which views go through which net. */
export abstract class ViewMethod<Options extends { name: string }, Own extends Nets, Next = null>
  implements Method<Next>
{
  readonly model: NamedParams;
  readonly params: NamedParams;
  readonly state: MethodState = new Map();
  protected readonly options: Options;
  protected readonly ranks: Ranks;
  protected readonly encoder: ViewEncoder;
  protected readonly nets: Own;
  readonly #passes: readonly Pass[];

  constructor(context: MethodContext<Options>, makeNets: (init: Init, spec: VitSpec) => Own) {
    const spec = vitOf(context.model, context.options.name);
    this.options = context.options;
    this.ranks = context.ranks;
    this.#passes = context.passes;
    this.encoder = new ViewEncoder(context);
    this.nets = makeNets(new Init({ ...context, dtype: this.encoder.dtype }), spec);
    this.model = this.nets.namedTensors();
    this.params = learnedParameters(this.nets);
  }

  freeze(names: ReadonlySet<string>): void {
    this.nets.freeze(names);
    for (const name of names) this.params.delete(name);
  }

  encodeImages = (images: Tensor) => this.encoder.encode(this.nets.leader.backbone, images);

  encodePatches = (images: Tensor) => this.encoder.encodePatches(this.nets.leader.backbone, images);

  /** [b, V, D] by the passes' names; passes of one name are concatenated. */
  features(batch: Batch, context: StepContext): Features {
    const features: Features = {};
    for (const pass of this.#passes) {
      const through = ({ backbone }: Net<Module>) =>
        this.encoder.features(backbone, batch, { pass, context });
      const { leader, follower } = this.nets;
      const views = pass.trained ? through(leader) : noGrad(() => through(follower!));
      const earlier = features[pass.features];
      features[pass.features] = earlier ? ops.cat([earlier, views], 1) : views;
    }
    return features;
  }

  /** A loss that reads the time overrides this. */
  lossKey(_context: StepContext): string {
    return '';
  }

  /** Includes the heads, so that their batch norms see all samples (docs/decisions/0008). */
  abstract loss(features: Features, ids: Tensor, context: StepContext): MethodLoss<Next>;

  /** Features through heads in turn: rows of unit length [..., E]. */
  protected project(features: Tensor, ...heads: { forward(x: Tensor): Tensor }[]): Tensor {
    return unitRows(this.encoder.run(() => heads.reduce((x, head) => head.forward(x), features)));
  }

  commit(_next: Next, _context: StepContext): void {}

  dispose(): void {
    this.nets.dispose();
    this.encoder.dispose();
  }
}
