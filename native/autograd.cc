// Gradients, and the two modes that change how ops run on this thread: grad mode and autocast.
#include <ATen/autocast_mode.h>
#include <torch/csrc/api/include/torch/version.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "addon.h"

#define COUPLET_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

namespace couplet {
namespace {

std::vector<at::Tensor> tensorsOf(Call& call, size_t i) {
  std::vector<at::Tensor> out;
  for (const Handle handle : call.handles(i)) out.push_back(call.addon.tensors.get(handle));
  return out;
}

napi_value backward(Call& call) {
  const at::Tensor loss = call.tensor(0);
  std::vector<at::Tensor> seeds;
  if (!call.missing(1)) seeds.push_back(call.tensor(1));
  torch::autograd::backward({loss}, seeds);
  return nullptr;
}

/** gradients(outputs, inputs, seeds?) -> handles: torch.autograd.grad, null where an input was not used. */
napi_value gradients(Call& call) {
  const std::vector<at::Tensor> seeds = call.missing(2) ? std::vector<at::Tensor>() : tensorsOf(call, 2);
  return toHandles(call.addon, torch::autograd::grad(tensorsOf(call, 0), tensorsOf(call, 1), seeds, c10::nullopt, false, true));
}

/** gradsOf(handles) -> handles of .grad, null where there is none. */
napi_value gradsOf(Call& call) {
  std::vector<at::Tensor> grads;
  for (const auto& tensor : tensorsOf(call, 0)) grads.push_back(tensor.grad());
  return toHandles(call.addon, grads);
}

napi_value setGrad(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  tensor.mutable_grad() = call.missing(1) ? at::Tensor() : call.tensor(1);
  return nullptr;
}

/** setGrads(handles, grads): each tensor's .grad is that one, not a copy. */
napi_value setGrads(Call& call) {
  const auto tensors = tensorsOf(call, 0);
  const auto grads = tensorsOf(call, 1);
  if (tensors.size() != grads.size()) throw std::invalid_argument("as many gradients as tensors are needed");
  for (size_t i = 0; i < tensors.size(); i++) tensors[i].mutable_grad() = grads[i];
  return nullptr;
}

/** clearGrads(handles): drops .grad, so that the next backward writes instead of adding. */
napi_value clearGrads(Call& call) {
  for (const auto& tensor : tensorsOf(call, 0)) tensor.mutable_grad().reset();
  return nullptr;
}

napi_value setRequiresGrad(Call& call) {
  call.tensor(0).set_requires_grad(call.boolean(1));
  return nullptr;
}

napi_value requiresGrad(Call& call) { return toBool(call.env, call.tensor(0).requires_grad()); }

/** setGradMode(on) -> what it was. Per thread. */
napi_value setGradMode(Call& call) {
  const bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(call.boolean(0));
  return toBool(call.env, before);
}

/** enterAutocast("cpu" | "cuda", dtype); leaveAutocast(device) drops the cached casts with the outermost region. */
napi_value enterAutocast(Call& call) {
  const bool cuda = call.string(0) == "cuda";
  const auto dtype = static_cast<at::ScalarType>(call.number(1));
#if COUPLET_TORCH_AT_LEAST(2, 4)
  const auto device = cuda ? at::kCUDA : at::kCPU;
  at::autocast::set_autocast_dtype(device, dtype);
  at::autocast::set_autocast_enabled(device, true);
#else
  if (cuda) at::autocast::set_autocast_gpu_dtype(dtype), at::autocast::set_enabled(true);
  else at::autocast::set_autocast_cpu_dtype(dtype), at::autocast::set_cpu_enabled(true);
#endif
  at::autocast::set_autocast_cache_enabled(true);
  at::autocast::increment_nesting();
  return nullptr;
}

napi_value leaveAutocast(Call& call) {
  const bool cuda = call.string(0) == "cuda";
  if (at::autocast::decrement_nesting() == 0) {
    at::autocast::clear_cache();
#if COUPLET_TORCH_AT_LEAST(2, 4)
    at::autocast::set_autocast_enabled(cuda ? at::kCUDA : at::kCPU, false);
#else
    if (cuda) at::autocast::set_enabled(false);
    else at::autocast::set_cpu_enabled(false);
#endif
  }
  return nullptr;
}

}  // namespace

std::vector<Export> autogradExports() {
  return {{"backward", backward}, {"gradients", gradients}, {"gradsOf", gradsOf}, {"setGrad", setGrad}, {"setGrads", setGrads},
          {"clearGrads", clearGrads}, {"setRequiresGrad", setRequiresGrad}, {"requiresGrad", requiresGrad},
          {"setGradMode", setGradMode}, {"enterAutocast", enterAutocast}, {"leaveAutocast", leaveAutocast}};
}

}  // namespace couplet
