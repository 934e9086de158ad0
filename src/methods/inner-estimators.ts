import { movingAverage, type PerAnchor } from '../losses/global-contrastive.ts';
import { noGrad, type Tensor, zeros } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** FastCLIP's u: for each sample of the data set log(eps + u) of its image and of its text, and whether it was seen. */
export class InnerEstimators {
  readonly #image: Tensor; // [n] float32
  readonly #text: Tensor; // [n]
  readonly #visited: Tensor; // [n] bool
  readonly #eps: number;

  constructor({ datasetSize, eps, device }: { datasetSize: number; eps: number; device: string }) {
    this.#image = zeros([datasetSize], { device }).persist();
    this.#text = zeros([datasetSize], { device }).persist();
    this.#visited = zeros([datasetSize], { dtype: 'bool', device }).persist();
    this.#eps = eps;
  }

  get state(): [string, Tensor][] {
    return [
      ['u.image', this.#image],
      ['u.text', this.#text],
      ['u.visited', this.#visited],
    ];
  }

  /** The new log(eps + u) of the samples `ids` [b], from this batch's log g; nothing is stored yet. */
  updated(ids: Tensor, logInner: PerAnchor, gamma: number): PerAnchor {
    const options = { visited: this.#visited.indexSelect(0, ids), gamma, eps: this.#eps };
    return {
      image: movingAverage(this.#image.indexSelect(0, ids), logInner.image, options),
      text: movingAverage(this.#text.indexSelect(0, ids), logInner.text, options),
    };
  }

  store(ids: Tensor, logU: PerAnchor): void {
    noGrad(() => {
      ops.index_copy_(this.#image, 0, ids, logU.image.to('float32'));
      ops.index_copy_(this.#text, 0, ids, logU.text.to('float32'));
      ops.index_fill__int_Scalar(this.#visited, 0, ids, 1);
    });
  }

  dispose(): void {
    for (const [, tensor] of this.state) tensor.dispose();
  }
}
