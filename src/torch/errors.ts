/** libtorch refused an operation. The message names the op with the shapes, types and devices of its arguments. */
export class TorchError extends Error {
  override name = 'TorchError';
}

/** Whether libtorch found no room for a tensor: on a GPU, whose allocator says the first, or in the host's memory. */
export const isOutOfMemory = (error: unknown): error is TorchError =>
  error instanceof TorchError && /out of memory|can't allocate memory/i.test(error.message);

/** A tensor was used after its scope ended or after dispose(). */
export class TensorDisposedError extends TorchError {
  override name = 'TensorDisposedError';
}
