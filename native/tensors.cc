// Tensors from and to typed arrays, their properties, and scopes.
#include <unordered_set>

#include "addon.h"

namespace couplet {
namespace {

struct HostArray {
  void* data;
  size_t bytes;
};

size_t elementSize(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array: case napi_uint8_array: case napi_uint8_clamped_array: return 1;
    case napi_int16_array: case napi_uint16_array: return 2;
    case napi_int32_array: case napi_uint32_array: case napi_float32_array: return 4;
    default: return 8;
  }
}

/** Does not ask for the buffer, which would fail for a SharedArrayBuffer. */
HostArray hostArray(Call& call, size_t i) {
  napi_typedarray_type type;
  size_t length;
  void* data;
  if (i >= call.count || napi_get_typedarray_info(call.env, call[i], &type, &length, &data, nullptr, nullptr) != napi_ok)
    throw std::invalid_argument("argument " + std::to_string(i) + " must be a typed array");
  return {data, length * elementSize(type)};
}

at::Tensor viewOf(Call& call, size_t i, at::IntArrayRef shape, at::ScalarType dtype) {
  const auto host = hostArray(call, i);
  int64_t count = 1;
  for (const auto size : shape) {
    if (size < 0) throw std::invalid_argument("a shape has no negative sizes");
    count *= size;
  }
  const size_t wanted = count * c10::elementSize(dtype);
  if (host.bytes != wanted)
    throw std::invalid_argument("the array has " + std::to_string(host.bytes) + " bytes, its shape and type need " + std::to_string(wanted));
  return at::from_blob(host.data, shape, at::TensorOptions().dtype(dtype));
}

/** fromHost(array, shape, dtype): a copy on the CPU. */
napi_value fromHost(Call& call) {
  const auto shape = call.ints(1);
  return toHandle(call.addon, viewOf(call, 0, shape, static_cast<at::ScalarType>(call.number(2))).clone());
}

/** borrowHost(array, shape, dtype): shares the array's memory, and keeps the array alive with the tensor. */
napi_value borrowHost(Call& call) {
  const auto shape = call.ints(1);
  const auto view = viewOf(call, 0, shape, static_cast<at::ScalarType>(call.number(2)));
  Addon* addon = &call.addon;
  addon->releaseReturned();
  napi_ref reference;
  check(call.env, napi_create_reference(call.env, call[0], 1, &reference));
  // The last tensor may be freed on an autograd thread, where Node-API must not be called.
  const auto release = [addon, reference](void*) {
    std::lock_guard<std::mutex> lock(addon->borrowedMutex);
    addon->returned.push_back(reference);
  };
  return toHandle(*addon, at::from_blob(view.data_ptr(), shape, release, view.options()));
}

/** copyOut(handle, array): the elements in row-major order. */
napi_value copyOut(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  const auto view = viewOf(call, 1, tensor.sizes(), tensor.scalar_type());
  at::NoGradGuard guard;
  view.copy_(tensor);
  return nullptr;
}

/** copyIn(handle, array): overwrites the tensor's elements. */
napi_value copyIn(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  at::NoGradGuard guard;
  tensor.copy_(viewOf(call, 1, tensor.sizes(), tensor.scalar_type()));
  return nullptr;
}

napi_value item(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  if (tensor.numel() != 1) throw std::invalid_argument("item() needs one element, got " + describe(tensor));
  return toNumber(call.env, tensor.item().toDouble());
}

napi_value shape(Call& call) {
  const auto sizes = call.tensor(0).sizes();
  napi_value out;
  check(call.env, napi_create_array_with_length(call.env, sizes.size(), &out));
  for (size_t d = 0; d < sizes.size(); ++d) check(call.env, napi_set_element(call.env, out, d, toNumber(call.env, sizes[d])));
  return out;
}

napi_value dtype(Call& call) { return toNumber(call.env, static_cast<int>(call.tensor(0).scalar_type())); }
napi_value device(Call& call) { return toString(call.env, call.tensor(0).device().str()); }
napi_value isContiguous(Call& call) { return toBool(call.env, call.tensor(0).is_contiguous()); }

napi_value dispose(Call& call) {
  call.addon.tensors.free(call.number(0));
  return nullptr;
}

napi_value alive(Call& call) { return toBool(call.env, call.addon.tensors.alive(call.number(0))); }

napi_value persist(Call& call) {
  call.addon.tensors.persist(call.number(0));
  return nullptr;
}

napi_value scopeEnter(Call& call) {
  call.addon.tensors.enter();
  return nullptr;
}

napi_value scopeExit(Call& call) {
  call.addon.tensors.exit(call.count ? call.handles(0) : std::vector<Handle>());
  call.addon.releaseReturned();
  return nullptr;
}

napi_value scopeDepth(Call& call) { return toNumber(call.env, call.addon.tensors.depth()); }

/** tableStats() -> { live, cpuBytes }: counts each storage once. */
napi_value tableStats(Call& call) {
  std::unordered_set<const void*> seen;
  double bytes = 0;
  call.addon.tensors.each([&](const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.has_storage() || !tensor.device().is_cpu()) return;
    const auto& storage = tensor.storage();
    if (seen.insert(storage.unsafeGetStorageImpl()).second) bytes += storage.nbytes();
  });
  napi_value out;
  check(call.env, napi_create_object(call.env, &out));
  setField(call.env, out, "live", toNumber(call.env, call.addon.tensors.live()));
  setField(call.env, out, "cpuBytes", toNumber(call.env, bytes));
  return out;
}

/** clearTable(): frees every tensor. */
napi_value clearTable(Call& call) {
  call.addon.tensors.clear();
  call.addon.releaseReturned();
  return nullptr;
}

}  // namespace

std::vector<Export> tensorExports() {
  return {{"fromHost", fromHost}, {"borrowHost", borrowHost}, {"copyOut", copyOut}, {"copyIn", copyIn}, {"item", item},
          {"shape", shape}, {"dtype", dtype}, {"device", device}, {"isContiguous", isContiguous}, {"dispose", dispose},
          {"alive", alive}, {"persist", persist}, {"scopeEnter", scopeEnter}, {"scopeExit", scopeExit},
          {"scopeDepth", scopeDepth}, {"tableStats", tableStats}, {"clearTable", clearTable}};
}

}  // namespace couplet
