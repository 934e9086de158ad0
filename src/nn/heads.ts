// The heads of self-supervised methods, behind a backbone of width D. B batch, E embedding, K outputs.
import type { Ranks } from '../ranks/index.ts';
import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';
import type { Init } from './init.ts';
import { MlpHead } from './mlp-head.ts';
import { Module } from './module.ts';
import { unitRows } from './unit-rows.ts';

export interface HeadWidths {
  /** D: of the head's input. */
  width: number;
  /** Of hidden layers. */
  hidden: number;
  /** E. */
  embedDim: number;
}

/** MoCo v3's projector (Chen et al. 2021, section 4): three layers, batch norm behind each, the last one without gain and bias. */
export function mocoProjector(
  init: Init,
  { width, hidden, embedDim }: HeadWidths,
  { ranks }: { ranks: Ranks },
): MlpHead {
  const norms = { hidden: 'both', last: 'none', ranks } as const;
  return new MlpHead(init, [width, hidden, hidden, embedDim], { activation: 'relu', norms });
}

/** MoCo v3's predictor: two layers, E -> hidden -> E, as the projector's. */
export function mocoPredictor(
  init: Init,
  { hidden, embedDim }: Omit<HeadWidths, 'width'>,
  { ranks }: { ranks: Ranks },
): MlpHead {
  const norms = { hidden: 'both', last: 'none', ranks } as const;
  return new MlpHead(init, [embedDim, hidden, embedDim], { activation: 'relu', norms });
}

/** SimCLR's projector (Chen et al. 2020): batch norm behind each layer, the last one with a gain but no bias. */
export function simclrProjector(
  init: Init,
  { width, hidden, embedDim, layers }: HeadWidths & { layers: number },
  { ranks }: { ranks: Ranks },
): MlpHead {
  const inner = Array<number>(layers - 1).fill(hidden);
  const norms = { hidden: 'both', last: 'scale', ranks } as const;
  return new MlpHead(init, [width, ...inner, embedDim], { activation: 'relu', norms });
}

export interface DinoHeadOptions extends HeadWidths {
  /** K. */
  outputs: number;
  /** Whether the rows of the last layer keep length one. */
  normLastLayer: boolean;
}

/**
 * DINO's head (Caron et al. 2021, section 3 and appendix C): a GELU MLP of three layers without norms, rows of unit length, and a last layer
 * g v / |v| without bias, whose outputs, where g stays 1, are cosines. [B, D] -> [B, K]. Names as in the released checkpoints.
 */
export class DinoHead extends Module {
  readonly #mlp: MlpHead;
  readonly #lengths: Tensor; // [K, 1]
  readonly #directions: Tensor; // [K, E]

  constructor(init: Init, { width, hidden, embedDim, outputs, normLastLayer }: DinoHeadOptions) {
    super();
    const widths = [width, hidden, hidden, embedDim];
    this.#mlp = this.child('mlp.', new MlpHead(init, widths, { activation: 'gelu', std: 0.02 }));
    const lengths = this.parameter('last_layer.weight_g', init.ones([outputs, 1]));
    this.#lengths = lengths.requireGrad(!normLastLayer);
    this.#directions = this.parameter('last_layer.weight_v', init.fanIn([outputs, embedDim], embedDim));
  }

  forward(x: Tensor): Tensor {
    const directions = this.#directions;
    const scale = this.#lengths.div(ops.linalg_vector_norm(directions, 2, 1, true));
    return ops.linear(unitRows(this.#mlp.forward(x)), directions.mul(scale));
  }
}
