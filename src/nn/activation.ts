import type { Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** Of an MLP. `quick-gelu` is x sigmoid(1.702 x), of OpenAI's CLIP; `gelu-tanh` is GELU's tanh form, of SigLIP. */
export type Activation = 'gelu' | 'quick-gelu' | 'gelu-tanh';

const functions: Record<Activation, (x: Tensor) => Tensor> = {
  gelu: (x) => ops.gelu(x),
  'quick-gelu': (x) => ops.sigmoid(x.mul(1.702)).mul(x),
  'gelu-tanh': (x) => ops.gelu(x, 'tanh'),
};

export const activation = (name: Activation = 'gelu'): ((x: Tensor) => Tensor) => functions[name];
