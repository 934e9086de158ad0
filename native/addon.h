// The state of one JavaScript environment, and the arguments and results of callbacks.
#pragma once
#include <node_api.h>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "table.h"

namespace couplet {

enum class ArgKind : uint8_t {
  Tensor, TensorList, OptionalTensorList, Scalar, ScalarList, Int, IntList, Float, FloatList,
  Bool, BoolList, String, Device, Generator, Unsupported,
};

/** One operator with its parsed schema. */
struct Op {
  explicit Op(c10::OperatorHandle handle) : handle(std::move(handle)) {}
  struct Argument {
    ArgKind kind;
    bool optional;
    bool hasDefault;
    c10::IValue fallback;
    std::string name;
  };
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Argument> arguments;
  std::vector<bool> returnsArgument;  // in-place results, which JavaScript has already
};

struct Dist;    // dist.h
struct Graphs;  // graph_cuda.cc

/** State of one environment. No statics: worker threads load the addon too. */
struct Addon {
  napi_env env = nullptr;
  TensorTable tensors;
  std::vector<Op> ops;
  std::vector<at::Generator> generators;
  std::vector<c10::IValue> stack;  // reused by every call
  napi_ref torchError = nullptr;
  napi_ref disposedError = nullptr;
  std::shared_ptr<Dist> dist;
  std::shared_ptr<Graphs> graphs;
  std::mutex borrowedMutex;
  std::vector<napi_ref> returned;  // typed arrays that no tensor reads any more; freed on the JavaScript thread

  void releaseReturned();
};

/** Thrown when a Node-API call failed with an exception already pending. */
struct PendingException {};

inline void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw PendingException();
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw std::invalid_argument(info && info->error_message ? info->error_message : "Node-API call failed");
}

/** An integer that is exact in a double. */
inline bool isInteger(double number) { return number == std::floor(number) && std::abs(number) <= 9007199254740992.0; }

/** The arguments of a callback. */
struct Call {
  static constexpr size_t kMax = 24;
  Addon& addon;
  napi_env env;
  size_t count = kMax;
  napi_value values[kMax];
  napi_value operator[](size_t i) const { return i < count ? values[i] : nullptr; }

  double number(size_t i) const;
  bool boolean(size_t i) const;
  std::string string(size_t i) const;
  const at::Tensor& tensor(size_t i) const { return addon.tensors.get(number(i)); }
  std::vector<Handle> handles(size_t i) const;
  std::vector<int64_t> ints(size_t i) const;
  bool missing(size_t i) const;
};

napi_value toNumber(napi_env env, double value);
napi_value toBool(napi_env env, bool value);
napi_value toString(napi_env env, const std::string& value);
napi_value toHandle(Addon& addon, at::Tensor tensor);  // null when undefined
napi_value toHandles(Addon& addon, const std::vector<at::Tensor>& tensors);
void setField(napi_env env, napi_value object, const char* name, napi_value value);
std::string readString(napi_env env, napi_value value);

/** "float32 [2, 3] cpu" */
std::string describe(const at::Tensor& tensor);
const char* dtypeName(at::ScalarType type);

/** Turns the exception in flight into a JavaScript one; `context` names the operation. */
void throwCurrent(Addon& addon, const std::string& context);

using Callback = napi_value (*)(Call&);

struct Export {
  const char* name;
  Callback callback;
};

/** Exports of each file; native.d.ts is the contract. */
std::vector<Export> dispatchExports();
std::vector<Export> tensorExports();
std::vector<Export> autogradExports();
std::vector<Export> deviceExports();
std::vector<Export> distExports();
std::vector<Export> graphExports();
std::vector<Export> countingExports();

}  // namespace couplet
