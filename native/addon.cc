#include "addon.h"

#include <c10/util/Exception.h>
#ifdef __linux__
#include <malloc.h>
#endif

namespace couplet {

double Call::number(size_t i) const {
  double value;
  if (i >= count || napi_get_value_double(env, values[i], &value) != napi_ok)
    throw std::invalid_argument("argument " + std::to_string(i) + " must be a number");
  return value;
}

bool Call::boolean(size_t i) const {
  bool value;
  if (i >= count || napi_get_value_bool(env, values[i], &value) != napi_ok)
    throw std::invalid_argument("argument " + std::to_string(i) + " must be a boolean");
  return value;
}

std::string readString(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok)
    throw std::invalid_argument("expected a string");
  std::string text(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

std::string Call::string(size_t i) const {
  if (i >= count) throw std::invalid_argument("argument " + std::to_string(i) + " must be a string");
  return readString(env, values[i]);
}

std::vector<Handle> Call::handles(size_t i) const {
  uint32_t length = 0;
  if (i >= count || napi_get_array_length(env, values[i], &length) != napi_ok)
    throw std::invalid_argument("argument " + std::to_string(i) + " must be an array");
  std::vector<Handle> out(length);
  for (uint32_t k = 0; k < length; ++k) {
    napi_value element;
    check(env, napi_get_element(env, values[i], k, &element));
    if (napi_get_value_double(env, element, &out[k]) != napi_ok) throw std::invalid_argument("expected an array of numbers");
  }
  return out;
}

std::vector<int64_t> Call::ints(size_t i) const {
  const auto numbers = handles(i);
  for (const double number : numbers)
    if (!isInteger(number)) throw std::invalid_argument("argument " + std::to_string(i) + " must hold integers, got " + std::to_string(number));
  return {numbers.begin(), numbers.end()};
}

bool Call::missing(size_t i) const {
  if (i >= count) return true;
  napi_valuetype type;
  napi_typeof(env, values[i], &type);
  return type == napi_undefined || type == napi_null;
}

napi_value toNumber(napi_env env, double value) {
  napi_value out;
  check(env, napi_create_double(env, value, &out));
  return out;
}

napi_value toBool(napi_env env, bool value) {
  napi_value out;
  check(env, napi_get_boolean(env, value, &out));
  return out;
}

napi_value toString(napi_env env, const std::string& value) {
  napi_value out;
  check(env, napi_create_string_utf8(env, value.data(), value.size(), &out));
  return out;
}

napi_value toHandle(Addon& addon, at::Tensor tensor) {
  if (tensor.defined()) return toNumber(addon.env, addon.tensors.add(std::move(tensor)));
  napi_value out;
  check(addon.env, napi_get_null(addon.env, &out));
  return out;
}

napi_value toHandles(Addon& addon, const std::vector<at::Tensor>& tensors) {
  napi_value out;
  check(addon.env, napi_create_array_with_length(addon.env, tensors.size(), &out));
  for (size_t i = 0; i < tensors.size(); ++i) check(addon.env, napi_set_element(addon.env, out, i, toHandle(addon, tensors[i])));
  return out;
}

void setField(napi_env env, napi_value object, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, object, name, value));
}

const char* dtypeName(at::ScalarType type) {
  switch (type) {
    case at::kFloat: return "float32";
    case at::kDouble: return "float64";
    case at::kHalf: return "float16";
    case at::kBFloat16: return "bfloat16";
    case at::kLong: return "int64";
    case at::kInt: return "int32";
    case at::kShort: return "int16";
    case at::kChar: return "int8";
    case at::kByte: return "uint8";
    case at::kBool: return "bool";
    default: return c10::toString(type);
  }
}

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  std::string text = std::string(dtypeName(tensor.scalar_type())) + " [";
  for (int64_t d = 0; d < tensor.dim(); ++d) text += (d ? ", " : "") + std::to_string(tensor.size(d));
  return text + "] " + tensor.device().str();
}

static void throwAs(Addon& addon, napi_ref reference, const std::string& message) {
  napi_value type = nullptr, error, text = toString(addon.env, message);
  if (reference) napi_get_reference_value(addon.env, reference, &type);
  if (!type || napi_new_instance(addon.env, type, 1, &text, &error) != napi_ok) napi_create_error(addon.env, nullptr, text, &error);
  napi_throw(addon.env, error);
}

void throwCurrent(Addon& addon, const std::string& context) {
  try {
    throw;
  } catch (const PendingException&) {
  } catch (const StaleHandle& e) {
    throwAs(addon, addon.disposedError, context + ": " + e.what() + " (its scope has ended, or dispose() was called)");
  } catch (const c10::Error& e) {
    throwAs(addon, addon.torchError, context + ": " + e.what_without_backtrace());
  } catch (const std::exception& e) {
    throwAs(addon, addon.torchError, context + ": " + e.what());
  } catch (...) {
    throwAs(addon, addon.torchError, context + ": unknown C++ exception");
  }
}

void Addon::releaseReturned() {
  std::vector<napi_ref> batch;
  {
    std::lock_guard<std::mutex> lock(borrowedMutex);
    batch.swap(returned);
  }
  for (napi_ref reference : batch) napi_delete_reference(env, reference);
}

namespace {

struct Bound {
  Addon* addon;
  Export entry;
};

napi_value invoke(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  Addon* addon = nullptr;
  napi_get_instance_data(env, reinterpret_cast<void**>(&addon));
  Call call{*addon, env, Call::kMax, {}};
  napi_get_cb_info(env, info, &call.count, call.values, nullptr, &data);
  if (call.count > Call::kMax) call.count = Call::kMax;
  const auto* entry = static_cast<const Export*>(data);
  try {
    return entry->callback(call);
  } catch (...) {
    throwCurrent(*addon, entry->name);
    return nullptr;
  }
}

/** Training needs the same large blocks in each step. glibc would return them, and each op would pay for new pages (docs/decisions/0003). */
void keepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 256 << 20);
#endif
}

napi_value init(napi_env env, napi_value exports) {
  keepFreedMemory();
  auto* addon = new Addon();
  addon->env = env;
  const auto end = [](napi_env, void* data, void*) {
    auto* addon = static_cast<Addon*>(data);
    addon->tensors.clear();  // uses the addon when a borrowed array loses its last tensor
    delete addon;
  };
  napi_set_instance_data(env, addon, end, nullptr);
  for (const auto& group : {dispatchExports(), tensorExports(), autogradExports(), deviceExports(), distExports(), graphExports(), countingExports()}) {
    for (const Export& entry : group) {
      auto* kept = new Export(entry);
      napi_value function;
      napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, invoke, kept, &function);
      napi_add_finalizer(env, function, kept, [](napi_env, void* data, void*) { delete static_cast<Export*>(data); }, nullptr, nullptr);
      napi_set_named_property(env, exports, entry.name, function);
    }
  }
  return exports;
}

}  // namespace
}  // namespace couplet

NAPI_MODULE_INIT() { return couplet::init(env, exports); }
