import { type Tensor, tensor } from '../torch/index.ts';

/** Turns bytes into normalised pixels. */
export class PixelNormalizer {
  readonly #shift: Tensor; // [3, 1, 1], in bytes
  readonly #scale: Tensor;

  constructor({ mean, std }: { mean: readonly number[]; std: readonly number[] }, device: string) {
    const channels = (values: readonly number[], f: (v: number) => number) =>
      tensor(values.map(f), [3, 1, 1], { device }).persist();
    this.#shift = channels(mean, (v) => v * 255);
    this.#scale = channels(std, (v) => 1 / (v * 255));
  }

  /** uint8 [B, S, S, 3] -> float32 [B, 3, S, S]: (x / 255 - mean) / std. */
  forward(images: Tensor): Tensor {
    return images.permute(0, 3, 1, 2).to('float32').sub(this.#shift).mul(this.#scale);
  }

  dispose(): void {
    this.#shift.dispose();
    this.#scale.dispose();
  }
}
