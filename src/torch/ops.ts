// Written by scripts/generate-ops.ts from scripts/ops.txt. Do not edit; `npm test` checks it against libtorch.
import { DTYPE_CODE, type DType } from './dtype.ts';
import { native } from './native.ts';
import type { Generator } from './random.ts';
import { handles, many, one, optionalHandles } from './results.ts';
import type { Tensor } from './tensor.ts';

const { call } = native;

/** The schemas that the functions below were made from: names and order of arguments are checked at test time. */
export const SCHEMAS: readonly string[] = [
  'aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor',
  'aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor',
  'aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor',
  'aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor',
  'aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor',
  'aten::mul.Tensor(Tensor self, Tensor other) -> Tensor',
  'aten::mul.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::div.Tensor(Tensor self, Tensor other) -> Tensor',
  'aten::div.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::neg(Tensor self) -> Tensor',
  'aten::abs(Tensor self) -> Tensor',
  'aten::exp(Tensor self) -> Tensor',
  'aten::log(Tensor self) -> Tensor',
  'aten::sqrt(Tensor self) -> Tensor',
  'aten::reciprocal(Tensor self) -> Tensor',
  'aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor',
  'aten::relu(Tensor self) -> Tensor',
  'aten::gelu(Tensor self, *, str approximate=\"none\") -> Tensor',
  'aten::sigmoid(Tensor self) -> Tensor',
  'aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor',
  'aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor',
  'aten::minimum(Tensor self, Tensor other) -> Tensor',
  'aten::logaddexp(Tensor self, Tensor other) -> Tensor',
  'aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor',
  'aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor',
  'aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor',
  'aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor',
  'aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor',
  'aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor',
  'aten::eq.Tensor(Tensor self, Tensor other) -> Tensor',
  'aten::eq.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::ne.Tensor(Tensor self, Tensor other) -> Tensor',
  'aten::ne.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::gt.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::gt.Tensor(Tensor self, Tensor other) -> Tensor',
  'aten::lt.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::ge.Tensor(Tensor self, Tensor other) -> Tensor',
  'aten::ge.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::logical_not(Tensor self) -> Tensor',
  'aten::logical_and(Tensor self, Tensor other) -> Tensor',
  'aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)',
  'aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)',
  'aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)',
  'aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)',
  'aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)',
  'aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)',
  'aten::zero_(Tensor(a!) self) -> Tensor(a!)',
  'aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)',
  'aten::index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)',
  'aten::index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)',
  'aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)',
  'aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)',
  'aten::sign_(Tensor(a!) self) -> Tensor(a!)',
  'aten::abs_(Tensor(a!) self) -> Tensor(a!)',
  'aten::relu_(Tensor(a!) self) -> Tensor(a!)',
  'aten::floor_(Tensor(a!) self) -> Tensor(a!)',
  'aten::lerp_.Tensor(Tensor(a!) self, Tensor end, Tensor weight) -> Tensor(a!)',
  'aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)',
  'aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor',
  'aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor',
  'aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
  'aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor',
  'aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
  'aten::std.correction(Tensor self, int[1]? dim, *, int? correction, bool keepdim=False) -> Tensor',
  'aten::var.correction(Tensor self, int[1]? dim, *, int? correction, bool keepdim=False) -> Tensor',
  'aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor',
  'aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor',
  'aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor',
  'aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor',
  'aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor',
  'aten::topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)',
  'aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
  'aten::linalg_eigvalsh(Tensor self, str UPLO=\"L\") -> Tensor',
  'aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)',
  'aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)',
  'aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)',
  'aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)',
  'aten::t(Tensor(a) self) -> Tensor(a)',
  'aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)',
  'aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)',
  'aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)',
  'aten::cat(Tensor[] tensors, int dim=0) -> Tensor',
  'aten::stack(Tensor[] tensors, int dim=0) -> Tensor',
  'aten::select.int(Tensor(a) self, int dim, int index) -> Tensor(a)',
  'aten::narrow(Tensor(a) self, int dim, int start, int length) -> Tensor(a)',
  'aten::index_select(Tensor self, int dim, Tensor index) -> Tensor',
  'aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor',
  'aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor',
  'aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]',
  'aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]',
  'aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)',
  'aten::flip(Tensor self, int[] dims) -> Tensor',
  'aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)',
  'aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor',
  'aten::detach(Tensor(a) self) -> Tensor(a)',
  'aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor',
  'aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)',
  'aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)',
  'aten::remainder.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::remainder_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)',
  'aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor',
  'aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  'aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  'aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  'aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  'aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor',
  'aten::eye(int n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  'aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor',
  'aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor',
  'aten::randn.generator(int[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  'aten::rand.generator(int[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  'aten::randperm.generator(int n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  'aten::bmm(Tensor self, Tensor mat2) -> Tensor',
  'aten::matmul(Tensor self, Tensor other) -> Tensor',
  'aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor',
  'aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor',
  'aten::layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor',
  'aten::embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor',
  'aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1) -> Tensor',
  'aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor',
  'aten::_upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor',
  'aten::batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor',
  'aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor',
  'aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, float label_smoothing=0.) -> Tensor',
  'aten::_scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool need_attn_weights=False, bool is_causal=False) -> (Tensor, Tensor)',
  'aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False) -> Tensor',
  'aten::_foreach_add_.List(Tensor(a!)[] self, Tensor[] other, *, Scalar alpha=1) -> ()',
  'aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()',
  'aten::_foreach_add.List(Tensor[] self, Tensor[] other, *, Scalar alpha=1) -> Tensor[]',
  'aten::_foreach_mul_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()',
  'aten::_foreach_mul_.List(Tensor(a!)[] self, Tensor[] other) -> ()',
  'aten::_foreach_mul.Scalar(Tensor[] self, Scalar scalar) -> Tensor[]',
  'aten::_foreach_mul.ScalarList(Tensor[] self, Scalar[] scalars) -> Tensor[]',
  'aten::_foreach_mul_.ScalarList(Tensor(a!)[] self, Scalar[] scalars) -> ()',
  'aten::_foreach_mul_.Tensor(Tensor(a!)[] self, Tensor other) -> ()',
  'aten::_foreach_addcmul_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> ()',
  'aten::_foreach_addcdiv_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> ()',
  'aten::_foreach_sqrt(Tensor[] self) -> Tensor[]',
  'aten::_foreach_div_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()',
  'aten::_foreach_div.List(Tensor[] self, Tensor[] other) -> Tensor[]',
  'aten::_foreach_sign_(Tensor(a!)[] self) -> ()',
  'aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2) -> Tensor[]',
  'aten::_fused_adamw_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()',
];

const OPS = SCHEMAS.map((text) => {
  const [name, overload = ''] = text.slice(0, text.indexOf('(')).split('.');
  return native.findOp(name, overload);
});

/** Whether this libtorch has the op, e.g. has('aten::scaled_dot_product_attention'). Only for ops of scripts/ops.txt. */
export function has(name: string): boolean {
  const at = SCHEMAS.findIndex((text) => text.startsWith(`${name}(`));
  return at >= 0 && OPS[at] >= 0;
}

/** `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export function add_Tensor(self: Tensor, other: Tensor, alpha?: number | boolean): Tensor {
  return one(call(OPS[0], self.handle, other.handle, alpha));
}

/** `aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
export function add_Scalar(self: Tensor, other: number | boolean, alpha?: number | boolean): Tensor {
  return one(call(OPS[1], self.handle, other, alpha));
}

/** `aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export function sub_Tensor(self: Tensor, other: Tensor, alpha?: number | boolean): Tensor {
  return one(call(OPS[2], self.handle, other.handle, alpha));
}

/** `aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
export function sub_Scalar(self: Tensor, other: number | boolean, alpha?: number | boolean): Tensor {
  return one(call(OPS[3], self.handle, other, alpha));
}

/** `aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
export function rsub_Scalar(self: Tensor, other: number | boolean, alpha?: number | boolean): Tensor {
  return one(call(OPS[4], self.handle, other, alpha));
}

/** `aten::mul.Tensor(Tensor self, Tensor other) -> Tensor` */
export function mul_Tensor(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[5], self.handle, other.handle));
}

/** `aten::mul.Scalar(Tensor self, Scalar other) -> Tensor` */
export function mul_Scalar(self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[6], self.handle, other));
}

/** `aten::div.Tensor(Tensor self, Tensor other) -> Tensor` */
export function div_Tensor(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[7], self.handle, other.handle));
}

/** `aten::div.Scalar(Tensor self, Scalar other) -> Tensor` */
export function div_Scalar(self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[8], self.handle, other));
}

/** `aten::neg(Tensor self) -> Tensor` */
export function neg(self: Tensor): Tensor {
  return one(call(OPS[9], self.handle));
}

/** `aten::abs(Tensor self) -> Tensor` */
export function abs(self: Tensor): Tensor {
  return one(call(OPS[10], self.handle));
}

/** `aten::exp(Tensor self) -> Tensor` */
export function exp(self: Tensor): Tensor {
  return one(call(OPS[11], self.handle));
}

/** `aten::log(Tensor self) -> Tensor` */
export function log(self: Tensor): Tensor {
  return one(call(OPS[12], self.handle));
}

/** `aten::sqrt(Tensor self) -> Tensor` */
export function sqrt(self: Tensor): Tensor {
  return one(call(OPS[13], self.handle));
}

/** `aten::reciprocal(Tensor self) -> Tensor` */
export function reciprocal(self: Tensor): Tensor {
  return one(call(OPS[14], self.handle));
}

/** `aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
export function pow_Tensor_Scalar(self: Tensor, exponent: number | boolean): Tensor {
  return one(call(OPS[15], self.handle, exponent));
}

/** `aten::relu(Tensor self) -> Tensor` */
export function relu(self: Tensor): Tensor {
  return one(call(OPS[16], self.handle));
}

/** `aten::gelu(Tensor self, *, str approximate="none") -> Tensor` */
export function gelu(self: Tensor, approximate?: string): Tensor {
  return one(call(OPS[17], self.handle, approximate));
}

/** `aten::sigmoid(Tensor self) -> Tensor` */
export function sigmoid(self: Tensor): Tensor {
  return one(call(OPS[18], self.handle));
}

/** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
export function softplus(self: Tensor, beta?: number | boolean, threshold?: number | boolean): Tensor {
  return one(call(OPS[19], self.handle, beta, threshold));
}

/** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
export function clamp(self: Tensor, min?: number | boolean | null, max?: number | boolean | null): Tensor {
  return one(call(OPS[20], self.handle, min, max));
}

/** `aten::minimum(Tensor self, Tensor other) -> Tensor` */
export function minimum(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[21], self.handle, other.handle));
}

/** `aten::logaddexp(Tensor self, Tensor other) -> Tensor` */
export function logaddexp(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[22], self.handle, other.handle));
}

/** `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
export function logsumexp(self: Tensor, dim: number | readonly number[], keepdim?: boolean): Tensor {
  return one(call(OPS[23], self.handle, dim, keepdim));
}

/** `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export function log_softmax_int(self: Tensor, dim: number, dtype?: DType | null): Tensor {
  return one(call(OPS[24], self.handle, dim, dtype == null ? dtype : DTYPE_CODE[dtype]));
}

/** `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export function softmax_int(self: Tensor, dim: number, dtype?: DType | null): Tensor {
  return one(call(OPS[25], self.handle, dim, dtype == null ? dtype : DTYPE_CODE[dtype]));
}

/** `aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor` */
export function where_self(condition: Tensor, self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[26], condition.handle, self.handle, other.handle));
}

/** `aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor` */
export function where_ScalarOther(condition: Tensor, self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[27], condition.handle, self.handle, other));
}

/** `aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor` */
export function masked_fill_Scalar(self: Tensor, mask: Tensor, value: number | boolean): Tensor {
  return one(call(OPS[28], self.handle, mask.handle, value));
}

/** `aten::eq.Tensor(Tensor self, Tensor other) -> Tensor` */
export function eq_Tensor(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[29], self.handle, other.handle));
}

/** `aten::eq.Scalar(Tensor self, Scalar other) -> Tensor` */
export function eq_Scalar(self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[30], self.handle, other));
}

/** `aten::ne.Tensor(Tensor self, Tensor other) -> Tensor` */
export function ne_Tensor(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[31], self.handle, other.handle));
}

/** `aten::ne.Scalar(Tensor self, Scalar other) -> Tensor` */
export function ne_Scalar(self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[32], self.handle, other));
}

/** `aten::gt.Scalar(Tensor self, Scalar other) -> Tensor` */
export function gt_Scalar(self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[33], self.handle, other));
}

/** `aten::gt.Tensor(Tensor self, Tensor other) -> Tensor` */
export function gt_Tensor(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[34], self.handle, other.handle));
}

/** `aten::lt.Scalar(Tensor self, Scalar other) -> Tensor` */
export function lt_Scalar(self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[35], self.handle, other));
}

/** `aten::ge.Tensor(Tensor self, Tensor other) -> Tensor` */
export function ge_Tensor(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[36], self.handle, other.handle));
}

/** `aten::ge.Scalar(Tensor self, Scalar other) -> Tensor` */
export function ge_Scalar(self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[37], self.handle, other));
}

/** `aten::logical_not(Tensor self) -> Tensor` */
export function logical_not(self: Tensor): Tensor {
  return one(call(OPS[38], self.handle));
}

/** `aten::logical_and(Tensor self, Tensor other) -> Tensor` */
export function logical_and(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[39], self.handle, other.handle));
}

/** `aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export function add__Tensor(self: Tensor, other: Tensor, alpha?: number | boolean): Tensor {
  call(OPS[40], self.handle, other.handle, alpha);
  return self;
}

/** `aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
export function add__Scalar(self: Tensor, other: number | boolean, alpha?: number | boolean): Tensor {
  call(OPS[41], self.handle, other, alpha);
  return self;
}

/** `aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export function mul__Tensor(self: Tensor, other: Tensor): Tensor {
  call(OPS[42], self.handle, other.handle);
  return self;
}

/** `aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
export function mul__Scalar(self: Tensor, other: number | boolean): Tensor {
  call(OPS[43], self.handle, other);
  return self;
}

/** `aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export function div__Tensor(self: Tensor, other: Tensor): Tensor {
  call(OPS[44], self.handle, other.handle);
  return self;
}

/** `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
export function copy_(self: Tensor, src: Tensor, non_blocking?: boolean): Tensor {
  call(OPS[45], self.handle, src.handle, non_blocking);
  return self;
}

/** `aten::zero_(Tensor(a!) self) -> Tensor(a!)` */
export function zero_(self: Tensor): Tensor {
  call(OPS[46], self.handle);
  return self;
}

/** `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
export function clamp_(self: Tensor, min?: number | boolean | null, max?: number | boolean | null): Tensor {
  call(OPS[47], self.handle, min, max);
  return self;
}

/** `aten::index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)` */
export function index_copy_(self: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  call(OPS[48], self.handle, dim, index.handle, source.handle);
  return self;
}

/** `aten::index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)` */
export function index_fill__int_Scalar(self: Tensor, dim: number, index: Tensor, value: number | boolean): Tensor {
  call(OPS[49], self.handle, dim, index.handle, value);
  return self;
}

/** `aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)` */
export function index_add_(self: Tensor, dim: number, index: Tensor, source: Tensor, alpha?: number | boolean): Tensor {
  call(OPS[50], self.handle, dim, index.handle, source.handle, alpha);
  return self;
}

/** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
export function uniform_(self: Tensor, from?: number, to?: number, generator?: Generator | null): Tensor {
  call(OPS[51], self.handle, from, to, generator == null ? generator : generator.id);
  return self;
}

/** `aten::sign_(Tensor(a!) self) -> Tensor(a!)` */
export function sign_(self: Tensor): Tensor {
  call(OPS[52], self.handle);
  return self;
}

/** `aten::abs_(Tensor(a!) self) -> Tensor(a!)` */
export function abs_(self: Tensor): Tensor {
  call(OPS[53], self.handle);
  return self;
}

/** `aten::relu_(Tensor(a!) self) -> Tensor(a!)` */
export function relu_(self: Tensor): Tensor {
  call(OPS[54], self.handle);
  return self;
}

/** `aten::floor_(Tensor(a!) self) -> Tensor(a!)` */
export function floor_(self: Tensor): Tensor {
  call(OPS[55], self.handle);
  return self;
}

/** `aten::lerp_.Tensor(Tensor(a!) self, Tensor end, Tensor weight) -> Tensor(a!)` */
export function lerp__Tensor(self: Tensor, end: Tensor, weight: Tensor): Tensor {
  call(OPS[56], self.handle, end.handle, weight.handle);
  return self;
}

/** `aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export function addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, value?: number | boolean): Tensor {
  call(OPS[57], self.handle, tensor1.handle, tensor2.handle, value);
  return self;
}

/** `aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
export function addcmul(self: Tensor, tensor1: Tensor, tensor2: Tensor, value?: number | boolean): Tensor {
  return one(call(OPS[58], self.handle, tensor1.handle, tensor2.handle, value));
}

/** `aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export function sum(self: Tensor, dtype?: DType | null): Tensor {
  return one(call(OPS[59], self.handle, dtype == null ? dtype : DTYPE_CODE[dtype]));
}

/** `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function sum_dim_IntList(self: Tensor, dim?: number | readonly number[] | null, keepdim?: boolean, dtype?: DType | null): Tensor {
  return one(call(OPS[60], self.handle, dim, keepdim, dtype == null ? dtype : DTYPE_CODE[dtype]));
}

/** `aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export function mean(self: Tensor, dtype?: DType | null): Tensor {
  return one(call(OPS[61], self.handle, dtype == null ? dtype : DTYPE_CODE[dtype]));
}

/** `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function mean_dim(self: Tensor, dim?: number | readonly number[] | null, keepdim?: boolean, dtype?: DType | null): Tensor {
  return one(call(OPS[62], self.handle, dim, keepdim, dtype == null ? dtype : DTYPE_CODE[dtype]));
}

/** `aten::std.correction(Tensor self, int[1]? dim, *, int? correction, bool keepdim=False) -> Tensor` */
export function std_correction(self: Tensor, dim?: number | readonly number[] | null, correction?: number | null, keepdim?: boolean): Tensor {
  return one(call(OPS[63], self.handle, dim, correction, keepdim));
}

/** `aten::var.correction(Tensor self, int[1]? dim, *, int? correction, bool keepdim=False) -> Tensor` */
export function var_correction(self: Tensor, dim?: number | readonly number[] | null, correction?: number | null, keepdim?: boolean): Tensor {
  return one(call(OPS[64], self.handle, dim, correction, keepdim));
}

/** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export function amax(self: Tensor, dim?: number | readonly number[], keepdim?: boolean): Tensor {
  return one(call(OPS[65], self.handle, dim, keepdim));
}

/** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export function amin(self: Tensor, dim?: number | readonly number[], keepdim?: boolean): Tensor {
  return one(call(OPS[66], self.handle, dim, keepdim));
}

/** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
export function argmax(self: Tensor, dim?: number | null, keepdim?: boolean): Tensor {
  return one(call(OPS[67], self.handle, dim, keepdim));
}

/** `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
export function argsort(self: Tensor, dim?: number, descending?: boolean): Tensor {
  return one(call(OPS[68], self.handle, dim, descending));
}

/** `aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor` */
export function searchsorted_Tensor(sorted_sequence: Tensor, self: Tensor, out_int32?: boolean, right?: boolean, side?: string | null, sorter?: Tensor | null): Tensor {
  return one(call(OPS[69], sorted_sequence.handle, self.handle, out_int32, right, side, sorter == null ? sorter : sorter.handle));
}

/** `aten::topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
export function topk(self: Tensor, k: number, dim?: number, largest?: boolean, sorted?: boolean): [Tensor, Tensor] {
  return many(call(OPS[70], self.handle, k, dim, largest, sorted)) as [Tensor, Tensor];
}

/** `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function linalg_vector_norm(self: Tensor, ord?: number | boolean, dim?: number | readonly number[] | null, keepdim?: boolean, dtype?: DType | null): Tensor {
  return one(call(OPS[71], self.handle, ord, dim, keepdim, dtype == null ? dtype : DTYPE_CODE[dtype]));
}

/** `aten::linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor` */
export function linalg_eigvalsh(self: Tensor, UPLO?: string): Tensor {
  return one(call(OPS[72], self.handle, UPLO));
}

/** `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
export function view(self: Tensor, size: number | readonly number[]): Tensor {
  return one(call(OPS[73], self.handle, size));
}

/** `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
export function reshape(self: Tensor, shape: number | readonly number[]): Tensor {
  return one(call(OPS[74], self.handle, shape));
}

/** `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
export function permute(self: Tensor, dims: number | readonly number[]): Tensor {
  return one(call(OPS[75], self.handle, dims));
}

/** `aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
export function transpose_int(self: Tensor, dim0: number, dim1: number): Tensor {
  return one(call(OPS[76], self.handle, dim0, dim1));
}

/** `aten::t(Tensor(a) self) -> Tensor(a)` */
export function t(self: Tensor): Tensor {
  return one(call(OPS[77], self.handle));
}

/** `aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)` */
export function unsqueeze(self: Tensor, dim: number): Tensor {
  return one(call(OPS[78], self.handle, dim));
}

/** `aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)` */
export function squeeze_dim(self: Tensor, dim: number): Tensor {
  return one(call(OPS[79], self.handle, dim));
}

/** `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
export function expand(self: Tensor, size: number | readonly number[], implicit?: boolean): Tensor {
  return one(call(OPS[80], self.handle, size, implicit));
}

/** `aten::cat(Tensor[] tensors, int dim=0) -> Tensor` */
export function cat(tensors: readonly Tensor[], dim?: number): Tensor {
  return one(call(OPS[81], handles(tensors), dim));
}

/** `aten::stack(Tensor[] tensors, int dim=0) -> Tensor` */
export function stack(tensors: readonly Tensor[], dim?: number): Tensor {
  return one(call(OPS[82], handles(tensors), dim));
}

/** `aten::select.int(Tensor(a) self, int dim, int index) -> Tensor(a)` */
export function select_int(self: Tensor, dim: number, index: number): Tensor {
  return one(call(OPS[83], self.handle, dim, index));
}

/** `aten::narrow(Tensor(a) self, int dim, int start, int length) -> Tensor(a)` */
export function narrow(self: Tensor, dim: number, start: number, length: number): Tensor {
  return one(call(OPS[84], self.handle, dim, start, length));
}

/** `aten::index_select(Tensor self, int dim, Tensor index) -> Tensor` */
export function index_select(self: Tensor, dim: number, index: Tensor): Tensor {
  return one(call(OPS[85], self.handle, dim, index.handle));
}

/** `aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor` */
export function gather(self: Tensor, dim: number, index: Tensor, sparse_grad?: boolean): Tensor {
  return one(call(OPS[86], self.handle, dim, index.handle, sparse_grad));
}

/** `aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor` */
export function index_Tensor(self: Tensor, indices: readonly (Tensor | null)[]): Tensor {
  return one(call(OPS[87], self.handle, optionalHandles(indices)));
}

/** `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
export function unbind_int(self: Tensor, dim?: number): Tensor[] {
  return many(call(OPS[88], self.handle, dim));
}

/** `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
export function chunk(self: Tensor, chunks: number, dim?: number): Tensor[] {
  return many(call(OPS[89], self.handle, chunks, dim));
}

/** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
export function flatten_using_ints(self: Tensor, start_dim?: number, end_dim?: number): Tensor {
  return one(call(OPS[90], self.handle, start_dim, end_dim));
}

/** `aten::flip(Tensor self, int[] dims) -> Tensor` */
export function flip(self: Tensor, dims: number | readonly number[]): Tensor {
  return one(call(OPS[91], self.handle, dims));
}

/** `aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)` */
export function contiguous(self: Tensor, memory_format?: number): Tensor {
  return one(call(OPS[92], self.handle, memory_format));
}

/** `aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
export function clone(self: Tensor, memory_format?: number | null): Tensor {
  return one(call(OPS[93], self.handle, memory_format));
}

/** `aten::detach(Tensor(a) self) -> Tensor(a)` */
export function detach(self: Tensor): Tensor {
  return one(call(OPS[94], self.handle));
}

/** `aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor` */
export function _to_copy(self: Tensor, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null, non_blocking?: boolean, memory_format?: number | null): Tensor {
  return one(call(OPS[95], self.handle, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory, non_blocking, memory_format));
}

/** `aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)` */
export function pin_memory(self: Tensor, device?: string | null): Tensor {
  return one(call(OPS[96], self.handle, device));
}

/** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
export function diagonal(self: Tensor, offset?: number, dim1?: number, dim2?: number): Tensor {
  return one(call(OPS[97], self.handle, offset, dim1, dim2));
}

/** `aten::remainder.Scalar(Tensor self, Scalar other) -> Tensor` */
export function remainder_Scalar(self: Tensor, other: number | boolean): Tensor {
  return one(call(OPS[98], self.handle, other));
}

/** `aten::remainder_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
export function remainder__Scalar(self: Tensor, other: number | boolean): Tensor {
  call(OPS[99], self.handle, other);
  return self;
}

/** `aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor` */
export function div_Scalar_mode(self: Tensor, other: number | boolean, rounding_mode?: string | null): Tensor {
  return one(call(OPS[100], self.handle, other, rounding_mode));
}

/** `aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function arange_start_step(start: number | boolean, end: number | boolean, step?: number | boolean, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null): Tensor {
  return one(call(OPS[101], start, end, step, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory));
}

/** `aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function zeros(size: number | readonly number[], dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null): Tensor {
  return one(call(OPS[102], size, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory));
}

/** `aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function ones(size: number | readonly number[], dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null): Tensor {
  return one(call(OPS[103], size, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory));
}

/** `aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function full(size: number | readonly number[], fill_value: number | boolean, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null): Tensor {
  return one(call(OPS[104], size, fill_value, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory));
}

/** `aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function empty_memory_format(size: number | readonly number[], dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null, memory_format?: number | null): Tensor {
  return one(call(OPS[105], size, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory, memory_format));
}

/** `aten::eye(int n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function eye(n: number, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null): Tensor {
  return one(call(OPS[106], n, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory));
}

/** `aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function zeros_like(self: Tensor, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null, memory_format?: number | null): Tensor {
  return one(call(OPS[107], self.handle, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory, memory_format));
}

/** `aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function ones_like(self: Tensor, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null, memory_format?: number | null): Tensor {
  return one(call(OPS[108], self.handle, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory, memory_format));
}

/** `aten::randn.generator(int[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randn_generator(size: number | readonly number[], generator?: Generator | null, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null): Tensor {
  return one(call(OPS[109], size, generator == null ? generator : generator.id, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory));
}

/** `aten::rand.generator(int[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function rand_generator(size: number | readonly number[], generator?: Generator | null, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null): Tensor {
  return one(call(OPS[110], size, generator == null ? generator : generator.id, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory));
}

/** `aten::randperm.generator(int n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randperm_generator(n: number, generator?: Generator | null, dtype?: DType | null, layout?: number | null, device?: string | null, pin_memory?: boolean | null): Tensor {
  return one(call(OPS[111], n, generator == null ? generator : generator.id, dtype == null ? dtype : DTYPE_CODE[dtype], layout, device, pin_memory));
}

/** `aten::bmm(Tensor self, Tensor mat2) -> Tensor` */
export function bmm(self: Tensor, mat2: Tensor): Tensor {
  return one(call(OPS[112], self.handle, mat2.handle));
}

/** `aten::matmul(Tensor self, Tensor other) -> Tensor` */
export function matmul(self: Tensor, other: Tensor): Tensor {
  return one(call(OPS[113], self.handle, other.handle));
}

/** `aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor` */
export function linear(input: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  return one(call(OPS[114], input.handle, weight.handle, bias == null ? bias : bias.handle));
}

/** `aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export function baddbmm(self: Tensor, batch1: Tensor, batch2: Tensor, beta?: number | boolean, alpha?: number | boolean): Tensor {
  return one(call(OPS[115], self.handle, batch1.handle, batch2.handle, beta, alpha));
}

/** `aten::layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
export function layer_norm(input: Tensor, normalized_shape: number | readonly number[], weight?: Tensor | null, bias?: Tensor | null, eps?: number, cudnn_enable?: boolean): Tensor {
  return one(call(OPS[116], input.handle, normalized_shape, weight == null ? weight : weight.handle, bias == null ? bias : bias.handle, eps, cudnn_enable));
}

/** `aten::embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
export function embedding(weight: Tensor, indices: Tensor, padding_idx?: number, scale_grad_by_freq?: boolean, sparse?: boolean): Tensor {
  return one(call(OPS[117], weight.handle, indices.handle, padding_idx, scale_grad_by_freq, sparse));
}

/** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1) -> Tensor` */
export function conv2d(input: Tensor, weight: Tensor, bias?: Tensor | null, stride?: number | readonly number[], padding?: number | readonly number[], dilation?: number | readonly number[], groups?: number): Tensor {
  return one(call(OPS[118], input.handle, weight.handle, bias == null ? bias : bias.handle, stride, padding, dilation, groups));
}

/** `aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
export function upsample_bicubic2d(self: Tensor, output_size: number | readonly number[], align_corners: boolean, scales_h?: number | null, scales_w?: number | null): Tensor {
  return one(call(OPS[119], self.handle, output_size, align_corners, scales_h, scales_w));
}

/** `aten::_upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
export function _upsample_bicubic2d_aa(self: Tensor, output_size: number | readonly number[], align_corners: boolean, scales_h?: number | null, scales_w?: number | null): Tensor {
  return one(call(OPS[120], self.handle, output_size, align_corners, scales_h, scales_w));
}

/** `aten::batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor` */
export function batch_norm(input: Tensor, weight: undefined | Tensor | null, bias: undefined | Tensor | null, running_mean: undefined | Tensor | null, running_var: undefined | Tensor | null, training: boolean, momentum: number, eps: number, cudnn_enabled: boolean): Tensor {
  return one(call(OPS[121], input.handle, weight == null ? weight : weight.handle, bias == null ? bias : bias.handle, running_mean == null ? running_mean : running_mean.handle, running_var == null ? running_var : running_var.handle, training, momentum, eps, cudnn_enabled));
}

/** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
export function avg_pool2d(self: Tensor, kernel_size: number | readonly number[], stride?: number | readonly number[], padding?: number | readonly number[], ceil_mode?: boolean, count_include_pad?: boolean, divisor_override?: number | null): Tensor {
  return one(call(OPS[122], self.handle, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override));
}

/** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, float label_smoothing=0.) -> Tensor` */
export function cross_entropy_loss(self: Tensor, target: Tensor, weight?: Tensor | null, reduction?: number, ignore_index?: number, label_smoothing?: number): Tensor {
  return one(call(OPS[123], self.handle, target.handle, weight == null ? weight : weight.handle, reduction, ignore_index, label_smoothing));
}

/** `aten::_scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool need_attn_weights=False, bool is_causal=False) -> (Tensor, Tensor)` */
export function _scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask?: Tensor | null, dropout_p?: number, need_attn_weights?: boolean, is_causal?: boolean): [Tensor, Tensor] {
  return many(call(OPS[124], query.handle, key.handle, value.handle, attn_mask == null ? attn_mask : attn_mask.handle, dropout_p, need_attn_weights, is_causal)) as [Tensor, Tensor];
}

/** `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False) -> Tensor` */
export function scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask?: Tensor | null, dropout_p?: number, is_causal?: boolean): Tensor {
  return one(call(OPS[125], query.handle, key.handle, value.handle, attn_mask == null ? attn_mask : attn_mask.handle, dropout_p, is_causal));
}

/** `aten::_foreach_add_.List(Tensor(a!)[] self, Tensor[] other, *, Scalar alpha=1) -> ()` */
export function _foreach_add__List(self: readonly Tensor[], other: readonly Tensor[], alpha?: number | boolean): void {
  call(OPS[126], handles(self), handles(other), alpha);
}

/** `aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export function _foreach_add__Scalar(self: readonly Tensor[], scalar: number | boolean): void {
  call(OPS[127], handles(self), scalar);
}

/** `aten::_foreach_add.List(Tensor[] self, Tensor[] other, *, Scalar alpha=1) -> Tensor[]` */
export function _foreach_add_List(self: readonly Tensor[], other: readonly Tensor[], alpha?: number | boolean): Tensor[] {
  return many(call(OPS[128], handles(self), handles(other), alpha));
}

/** `aten::_foreach_mul_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export function _foreach_mul__Scalar(self: readonly Tensor[], scalar: number | boolean): void {
  call(OPS[129], handles(self), scalar);
}

/** `aten::_foreach_mul_.List(Tensor(a!)[] self, Tensor[] other) -> ()` */
export function _foreach_mul__List(self: readonly Tensor[], other: readonly Tensor[]): void {
  call(OPS[130], handles(self), handles(other));
}

/** `aten::_foreach_mul.Scalar(Tensor[] self, Scalar scalar) -> Tensor[]` */
export function _foreach_mul_Scalar(self: readonly Tensor[], scalar: number | boolean): Tensor[] {
  return many(call(OPS[131], handles(self), scalar));
}

/** `aten::_foreach_mul.ScalarList(Tensor[] self, Scalar[] scalars) -> Tensor[]` */
export function _foreach_mul_ScalarList(self: readonly Tensor[], scalars: readonly number[]): Tensor[] {
  return many(call(OPS[132], handles(self), scalars));
}

/** `aten::_foreach_mul_.ScalarList(Tensor(a!)[] self, Scalar[] scalars) -> ()` */
export function _foreach_mul__ScalarList(self: readonly Tensor[], scalars: readonly number[]): void {
  call(OPS[133], handles(self), scalars);
}

/** `aten::_foreach_mul_.Tensor(Tensor(a!)[] self, Tensor other) -> ()` */
export function _foreach_mul__Tensor(self: readonly Tensor[], other: Tensor): void {
  call(OPS[134], handles(self), other.handle);
}

/** `aten::_foreach_addcmul_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> ()` */
export function _foreach_addcmul__Scalar(self: readonly Tensor[], tensor1: readonly Tensor[], tensor2: readonly Tensor[], value?: number | boolean): void {
  call(OPS[135], handles(self), handles(tensor1), handles(tensor2), value);
}

/** `aten::_foreach_addcdiv_.Scalar(Tensor(a!)[] self, Tensor[] tensor1, Tensor[] tensor2, Scalar value=1) -> ()` */
export function _foreach_addcdiv__Scalar(self: readonly Tensor[], tensor1: readonly Tensor[], tensor2: readonly Tensor[], value?: number | boolean): void {
  call(OPS[136], handles(self), handles(tensor1), handles(tensor2), value);
}

/** `aten::_foreach_sqrt(Tensor[] self) -> Tensor[]` */
export function _foreach_sqrt(self: readonly Tensor[]): Tensor[] {
  return many(call(OPS[137], handles(self)));
}

/** `aten::_foreach_div_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export function _foreach_div__Scalar(self: readonly Tensor[], scalar: number | boolean): void {
  call(OPS[138], handles(self), scalar);
}

/** `aten::_foreach_div.List(Tensor[] self, Tensor[] other) -> Tensor[]` */
export function _foreach_div_List(self: readonly Tensor[], other: readonly Tensor[]): Tensor[] {
  return many(call(OPS[139], handles(self), handles(other)));
}

/** `aten::_foreach_sign_(Tensor(a!)[] self) -> ()` */
export function _foreach_sign_(self: readonly Tensor[]): void {
  call(OPS[140], handles(self));
}

/** `aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2) -> Tensor[]` */
export function _foreach_norm_Scalar(self: readonly Tensor[], ord?: number | boolean): Tensor[] {
  return many(call(OPS[141], handles(self), ord));
}

/** `aten::_fused_adamw_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()` */
export function _fused_adamw_(self: readonly Tensor[], grads: readonly Tensor[], exp_avgs: readonly Tensor[], exp_avg_sqs: readonly Tensor[], max_exp_avg_sqs: readonly Tensor[], state_steps: readonly Tensor[], lr: number, beta1: number, beta2: number, weight_decay: number, eps: number, amsgrad: boolean, maximize: boolean, grad_scale?: Tensor | null, found_inf?: Tensor | null): void {
  call(OPS[142], handles(self), handles(grads), handles(exp_avgs), handles(exp_avg_sqs), handles(max_exp_avg_sqs), handles(state_steps), lr, beta1, beta2, weight_decay, eps, amsgrad, maximize, grad_scale == null ? grad_scale : grad_scale.handle, found_inf == null ? found_inf : found_inf.handle);
}
