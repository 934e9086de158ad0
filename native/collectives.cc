// Collectives, and the count of the bytes that they move.
#include <torch/csrc/autograd/custom_function.h>

#include "dist.h"

namespace couplet {

/** Elementwise reduction over ranks, as a new tensor; not counted. */
at::Tensor reduced(Group& group, const at::Tensor& given, Reduction reduction) {
  at::NoGradGuard guard;
  if (reduction == Reduction::Mean && !given.is_floating_point()) throw std::invalid_argument("a mean needs floats, got " + describe(given));
  const bool widen = group.gloo() && given.scalar_type() == at::kBFloat16;  // Gloo cannot add bfloat16
  at::Tensor out = given.detach().to(group.device, widen ? at::kFloat : given.scalar_type()).clone(at::MemoryFormat::Contiguous);
  if (out.numel() > 0) {
    c10d::AllreduceOptions options;
    options.reduceOp = reduction == Reduction::Max ? c10d::ReduceOp::MAX : c10d::ReduceOp::SUM;
    std::vector<at::Tensor> list{out};
    group.backend->allreduce(list, options)->wait();
    if (reduction == Reduction::Mean) out.div_(group.size);
  }
  return out.to(given.device(), given.scalar_type());
}

namespace {

/** A contiguous tensor as bytes, because backends do not support every dtype. */
at::Tensor asBytes(const at::Tensor& tensor) { return tensor.detach().view({-1}).view(at::kByte); }

/** [b, ...] of each rank -> [W b, ...]; a scalar counts as [1]. */
at::Tensor gather(Group& group, const at::Tensor& given, const std::string& label) {
  return named(group, "all-gather", label, [&] {
    at::NoGradGuard guard;
    const at::Tensor mine = (given.dim() == 0 ? given.view({1}) : given).detach().to(group.device).contiguous();
    auto shape = mine.sizes().vec();
    shape[0] *= group.size;
    at::Tensor all = at::empty(shape, mine.options());
    const double moved = bytesOf(mine) * (group.size - 1);
    group.count(label, moved, moved);
    if (mine.numel() > 0) {
      at::Tensor from = asBytes(mine), to = asBytes(all);
      if (group.gloo()) {
        std::vector<at::Tensor> inputs{from};
        std::vector<std::vector<at::Tensor>> outputs{to.chunk(group.size)};
        group.backend->allgather(outputs, inputs)->wait();
      } else {
        group.backend->_allgather_base(to, from)->wait();
      }
    }
    return all.to(given.device());
  });
}

/** [W b, ...] -> [b, ...]: this rank's rows of the sum over ranks. */
at::Tensor scatter(Group& group, const at::Tensor& given, const std::string& label) {
  return named(group, "reduce-scatter", label, [&] {
    at::NoGradGuard guard;
    if (given.dim() == 0 || given.size(0) % group.size != 0)
      throw std::invalid_argument(describe(given) + " does not divide into " + std::to_string(group.size) + " parts");
    const int64_t rows = given.size(0) / group.size;
    const double moved = bytesOf(given) * (group.size - 1) / group.size;
    group.count(label, moved, moved);
    if (group.gloo()) return reduced(group, given, Reduction::Sum).narrow(0, group.rank * rows, rows).clone();
    at::Tensor from = given.detach().to(group.device).contiguous();
    auto shape = from.sizes().vec();
    shape[0] = rows;
    at::Tensor mine = at::empty(shape, from.options());
    if (from.numel() > 0) group.backend->_reduce_scatter_base(mine, from)->wait();
    return mine.to(given.device());
  });
}

/** Forward: all-gather. Backward: reduce-scatter of the gradient. */
struct GatherWithGrad : torch::autograd::Function<GatherWithGrad> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& mine, GroupPtr group, std::string label) {
    context->saved_data["label"] = label;
    at::Tensor all = gather(*group, mine, label);
    context->saved_data["group"] = c10::IValue::make_capsule(std::move(group));
    return all;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list grads) {
    const auto group = c10::static_intrusive_pointer_cast<Group>(context->saved_data["group"].toCapsule());
    const std::string label = context->saved_data["label"].toStringRef() + "_gradient";
    return {scatter(*group, grads[0], label), at::Tensor(), at::Tensor()};
  }
};

napi_value allGather(Call& call) { return toHandle(call.addon, gather(*groupOf(call), call.tensor(1), call.string(2))); }

napi_value allGatherWithGrad(Call& call) {
  const at::Tensor mine = call.tensor(1).dim() == 0 ? call.tensor(1).view({1}) : call.tensor(1);
  return toHandle(call.addon, GatherWithGrad::apply(mine, groupOf(call), call.string(2)));
}

/** allReduce(group, handle, "sum" | "mean" | "max", label) -> a new tensor. */
napi_value allReduce(Call& call) {
  Group& group = *groupOf(call);
  const at::Tensor given = call.tensor(1);
  const std::string name = call.string(2), label = call.string(3);
  const double moved = 2 * bytesOf(given) * (group.size - 1) / group.size;
  group.count(label, moved, moved);
  const auto reduction = name == "mean" ? Reduction::Mean : name == "max" ? Reduction::Max : Reduction::Sum;
  return toHandle(call.addon, named(group, "all-reduce", label, [&] { return reduced(group, given, reduction); }));
}

napi_value reduceScatter(Call& call) { return toHandle(call.addon, scatter(*groupOf(call), call.tensor(1), call.string(2))); }

/** broadcast(group, handle, root, label): overwrites the tensor with the root's. */
napi_value broadcast(Call& call) {
  Group& group = *groupOf(call);
  const at::Tensor target = call.tensor(1);
  const int64_t root = static_cast<int64_t>(call.number(2));
  const std::string label = call.string(3);
  named(group, "broadcast", label, [&] {
    at::NoGradGuard guard;
    const bool sends = group.rank == root;
    group.count(label, sends ? bytesOf(target) : 0, sends ? 0 : bytesOf(target));
    if (target.numel() == 0) return;
    const at::Tensor data = target.detach().to(group.device).contiguous();
    std::vector<at::Tensor> list{asBytes(data)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    group.backend->broadcast(list, options)->wait();
    if (!sends && data.data_ptr() != target.data_ptr()) target.detach().copy_(data);
  });
  return nullptr;
}

/** traffic(group) -> { label: { calls, bytesSent, bytesReceived } }. */
napi_value traffic(Call& call) {
  Group& group = *groupOf(call);
  std::lock_guard<std::mutex> lock(group.mutex);
  napi_value out;
  check(call.env, napi_create_object(call.env, &out));
  for (const auto& [label, entry] : group.traffic) {
    napi_value row;
    check(call.env, napi_create_object(call.env, &row));
    setField(call.env, row, "calls", toNumber(call.env, entry.calls));
    setField(call.env, row, "bytesSent", toNumber(call.env, entry.sent));
    setField(call.env, row, "bytesReceived", toNumber(call.env, entry.received));
    setField(call.env, out, label.c_str(), row);
  }
  return out;
}

napi_value resetTraffic(Call& call) {
  Group& group = *groupOf(call);
  std::lock_guard<std::mutex> lock(group.mutex);
  group.traffic.clear();
  return nullptr;
}

}  // namespace

std::vector<Export> collectiveExports() {
  return {{"allGather", allGather}, {"allGatherWithGrad", allGatherWithGrad}, {"allReduce", allReduce}, {"reduceScatter", reduceScatter},
          {"broadcast", broadcast}, {"traffic", traffic}, {"resetTraffic", resetTraffic}};
}

}  // namespace couplet
