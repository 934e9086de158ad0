import { native } from './native.ts';

/** Ops that are made of others; those count in their place. */
const MADE_OF_OTHERS = [
  ...['matmul', 'linear', 'logsumexp', 'masked_fill', 'stack', 'repeat'],
  ...['softmax', 'log_softmax', 'layer_norm', 'native_layer_norm', 'batch_norm', '_batch_norm_impl_index'],
  ...[
    'to',
    '_to_copy',
    'clone',
    'contiguous',
    'reshape',
    'pin_memory',
    'zeros',
    'ones',
    'full',
    'zeros_like',
    'ones_like',
  ],
  ...['square', 'pow_', 'norm'],
].map((name) => `aten::${name}`);

/** Ops that look at a tensor in another way, or give memory: they launch nothing. */
const WITHOUT_KERNEL = new Set(
  [
    ...[
      'view',
      '_unsafe_view',
      '_reshape_alias',
      't',
      'transpose',
      'permute',
      'mT',
      'numpy_T',
      'expand',
      'expand_as',
      'as_strided',
    ],
    ...[
      'slice',
      'select',
      'narrow',
      'unsqueeze',
      'squeeze',
      'unbind',
      'split',
      'chunk',
      'diagonal',
      'unfold',
      'alias',
    ],
    ...[
      'detach',
      'detach_',
      'empty',
      'empty_like',
      'empty_strided',
      'new_empty',
      'new_empty_strided',
      'resize_',
      'set_',
    ],
    ...[
      'resolve_conj',
      'resolve_neg',
      'result_type',
      'lift_fresh',
      'is_pinned',
      'broadcast_to',
      '_pin_memory',
    ],
  ].map((name) => `aten::${name}`),
);

/**
 * Runs `body` and counts what it would launch on a GPU, backward passes included, by the op's name without its overload. Otherwise
 * nothing is counted, and counting costs nothing. What is counted is what libtorch's dispatcher runs: an op is one launch, but for those that are made
 * of others and those without a kernel. `_foreach_` ops are one each, as they are on a GPU for some dozens of tensors.
 */
export function countLaunches<T>(body: () => T): { result: T; launches: Map<string, number> } {
  native.countBegin(MADE_OF_OTHERS);
  let counts: [string, number][] = [];
  let result: T;
  try {
    result = body();
  } finally {
    counts = native.countEnd();
  }
  return { result, launches: new Map(counts.filter(([name]) => !WITHOUT_KERNEL.has(name))) };
}
