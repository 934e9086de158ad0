/** An error of libtorch, with the op and the shapes, dtypes and devices of its arguments. */
export class TorchError extends Error {
  override name = 'TorchError';
}

/** The first phrase is that of the CUDA allocator, the second that of the CPU. */
export const isOutOfMemory = (error: unknown): error is TorchError =>
  error instanceof TorchError && /out of memory|can't allocate memory/i.test(error.message);

/** A tensor was used after its scope or after dispose(). */
export class TensorDisposedError extends TorchError {
  override name = 'TensorDisposedError';
}
