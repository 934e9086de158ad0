/** libtorch refused an operation. The message names the op with the shapes, types and devices of its arguments. */
export class TorchError extends Error {
  override name = 'TorchError';
}

/** A tensor was used after its scope ended or after dispose(). */
export class TensorDisposedError extends TorchError {
  override name = 'TensorDisposedError';
}
