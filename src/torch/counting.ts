import { native } from './native.ts';

/** Composite ops, whose parts are counted instead. */
const COMPOSITE_OPS = [
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

/** Views and allocations launch no kernel. */
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
 * Runs `body` and estimates its kernel launches on a GPU by the op's name without overload, backward included. Each op that
 * libtorch dispatches counts as one launch, except composite ops and those without a kernel. A `_foreach_` op is one launch too.
 */
export function countLaunches<T>(body: () => T): { result: T; launches: Map<string, number> } {
  native.countBegin(COMPOSITE_OPS);
  let counts: [string, number][] = [];
  let result: T;
  try {
    result = body();
  } finally {
    counts = native.countEnd();
  }
  return { result, launches: new Map(counts.filter(([name]) => !WITHOUT_KERNEL.has(name))) };
}
