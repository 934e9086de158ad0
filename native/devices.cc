// The machine: versions, threads, random generators, and CUDA's memory and precision.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/csrc/api/include/torch/cuda.h>
#include <torch/csrc/api/include/torch/version.h>

#ifdef COUPLET_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#endif

#include "addon.h"

namespace couplet {
namespace {

napi_value versions(Call& call) {
  napi_value out;
  check(call.env, napi_create_object(call.env, &out));
  setField(call.env, out, "compiled", toString(call.env, TORCH_VERSION));
  setField(call.env, out, "config", toString(call.env, at::show_config()));
#ifdef COUPLET_CUDA
  setField(call.env, out, "builtWithCuda", toBool(call.env, true));
#else
  setField(call.env, out, "builtWithCuda", toBool(call.env, false));
#endif
  return out;
}

napi_value setThreads(Call& call) {
  at::set_num_threads(static_cast<int>(call.number(0)));
  return nullptr;
}

napi_value threads(Call& call) { return toNumber(call.env, at::get_num_threads()); }
napi_value cudaCount(Call& call) { return toNumber(call.env, torch::cuda::device_count()); }

napi_value cudaSynchronize(Call&) {
  torch::cuda::synchronize();
  return nullptr;
}

/** cudaMemory(index) -> { allocated, reserved, peak } in bytes, or undefined without CUDA. */
napi_value cudaMemory(Call& call) {
#ifdef COUPLET_CUDA
  // Before the first tensor the allocator has no device.
  const bool used = c10::cuda::CUDACachingAllocator::get()->initialized();
  c10::CachingDeviceAllocator::DeviceStats stats;
  if (used) stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(call.number(0)));
  napi_value out;
  check(call.env, napi_create_object(call.env, &out));
  setField(call.env, out, "allocated", toNumber(call.env, stats.allocated_bytes[0].current));
  setField(call.env, out, "reserved", toNumber(call.env, stats.reserved_bytes[0].current));
  setField(call.env, out, "peak", toNumber(call.env, stats.allocated_bytes[0].peak));
  return out;
#else
  (void)call;
  return nullptr;
#endif
}

napi_value cudaEmptyCache(Call&) {
#ifdef COUPLET_CUDA
  c10::cuda::CUDACachingAllocator::emptyCache();
#endif
  return nullptr;
}

napi_value cudaName(Call& call) {
#ifdef COUPLET_CUDA
  return toString(call.env, at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(call.number(0)))->name);
#else
  return toString(call.env, "");
#endif
}

/** cudaTotalMemory(index) -> bytes that the device has. */
napi_value cudaTotalMemory(Call& call) {
#ifdef COUPLET_CUDA
  const auto* properties = at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(call.number(0)));
  return toNumber(call.env, static_cast<double>(properties->totalGlobalMem));
#else
  return toNumber(call.env, 0);
#endif
}

napi_value setCudaDevice(Call& call) {
#ifdef COUPLET_CUDA
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(call.number(0)));
#else
  (void)call;
#endif
  return nullptr;
}

/** setTf32(on): float32 matrix products on tensor cores, with 10 bits of mantissa. */
napi_value setTf32(Call& call) {
  at::globalContext().setAllowTF32CuBLAS(call.boolean(0));
  at::globalContext().setAllowTF32CuDNN(call.boolean(0));
  return nullptr;
}

at::Generator defaultGenerator(const std::string& device) {
  const c10::Device parsed(device);
  if (parsed.is_cpu()) return at::detail::getDefaultCPUGenerator();
#ifdef COUPLET_CUDA
  return at::cuda::detail::getDefaultCUDAGenerator(parsed.has_index() ? parsed.index() : 0);
#else
  throw std::invalid_argument("this build has no generator for " + device);
#endif
}

/** generator(device, seed | null) -> id: a new one, or with null the device's default. */
napi_value generator(Call& call) {
  at::Generator made = defaultGenerator(call.string(0));
  if (!call.missing(1)) {
    made = made.clone();
    made.set_current_seed(static_cast<uint64_t>(call.number(1)));
  }
  call.addon.generators.push_back(made);
  return toNumber(call.env, static_cast<double>(call.addon.generators.size() - 1));
}

at::Generator& generatorOf(Call& call) {
  const auto id = static_cast<size_t>(call.number(0));
  if (id >= call.addon.generators.size()) throw std::invalid_argument("no such generator");
  return call.addon.generators[id];
}

napi_value seedGenerator(Call& call) {
  auto& made = generatorOf(call);
  std::lock_guard<std::mutex> lock(made.mutex());
  made.set_current_seed(static_cast<uint64_t>(call.number(1)));
  return nullptr;
}

napi_value generatorState(Call& call) {
  auto& made = generatorOf(call);
  std::lock_guard<std::mutex> lock(made.mutex());
  return toHandle(call.addon, made.get_state());
}

napi_value setGeneratorState(Call& call) {
  auto& made = generatorOf(call);
  std::lock_guard<std::mutex> lock(made.mutex());
  made.set_state(call.tensor(1));
  return nullptr;
}

}  // namespace

std::vector<Export> deviceExports() {
  return {{"versions", versions}, {"setThreads", setThreads}, {"threads", threads}, {"cudaCount", cudaCount},
          {"cudaSynchronize", cudaSynchronize}, {"cudaMemory", cudaMemory}, {"cudaEmptyCache", cudaEmptyCache},
          {"cudaName", cudaName}, {"cudaTotalMemory", cudaTotalMemory}, {"setCudaDevice", setCudaDevice}, {"setTf32", setTf32}, {"generator", generator},
          {"seedGenerator", seedGenerator}, {"generatorState", generatorState}, {"setGeneratorState", setGeneratorState}};
}

}  // namespace couplet
