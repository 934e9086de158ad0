// Process groups, their traffic, and their ids for JavaScript.
#pragma once
#include <torch/csrc/api/include/torch/version.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <map>

#include "addon.h"

namespace couplet {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using ProcessGroupPtr = c10::intrusive_ptr<c10d::ProcessGroup>;
using Params = std::vector<at::Tensor>;

// In libtorch 2 a Backend does the work, and Reducer takes a ProcessGroup with a backend per device.
#if TORCH_VERSION_MAJOR >= 2
using Backend = c10d::Backend;
#else
using Backend = c10d::ProcessGroup;
#endif

struct Traffic {
  double calls = 0, sent = 0, received = 0;
};

/** A process group and its traffic. Counted references, because an autograd graph may hold it. */
struct Group : torch::CustomClassHolder {
  c10::intrusive_ptr<Backend> backend;
  ProcessGroupPtr forReducer;
  c10::Device device = c10::kCPU;
  int rank = 0;
  int size = 1;
  std::mutex mutex;  // CUDA's backward runs on another thread
  std::map<std::string, Traffic> traffic;

  bool gloo() const { return device.is_cpu(); }
  void count(const std::string& label, double sent, double received) {
    std::lock_guard<std::mutex> lock(mutex);
    auto& entry = traffic[label];
    entry.calls += 1, entry.sent += sent, entry.received += received;
  }
};
using GroupPtr = c10::intrusive_ptr<Group>;

struct Averager {
  GroupPtr group;
  Params params;
  std::unique_ptr<c10d::Reducer> reducer;
  double bytes = 0;
};

struct Dist {
  std::vector<StorePtr> stores;
  std::vector<GroupPtr> groups;
  std::vector<std::unique_ptr<Averager>> averagers;
};

Dist& dist(Call& call);

template <typename List>
auto& entry(List& list, double id, const char* what) {
  if (!(id >= 0) || id >= list.size() || !list[static_cast<size_t>(id)])
    throw std::invalid_argument(std::string("this ") + what + " was closed");
  return list[static_cast<size_t>(id)];
}

inline GroupPtr& groupOf(Call& call) { return entry(dist(call).groups, call.number(0), "process group"); }

template <typename List, typename Item>
napi_value keep(Call& call, List& list, Item item) {
  list.push_back(std::move(item));
  return toNumber(call.env, static_cast<double>(list.size() - 1));
}

/** Adds rank, collective and tensor to libtorch's errors, because backward() throws far from here. */
template <typename Work>
auto named(const Group& group, const char* collective, const std::string& label, Work work) -> decltype(work()) {
  const auto fail = [&](const char* cause) {
    throw std::runtime_error(std::string(collective) + " of " + label + " failed on rank " + std::to_string(group.rank) + " of " +
                             std::to_string(group.size) + ": " + cause);
  };
  try {
    return work();
  } catch (const c10::Error& e) {
    fail(e.what_without_backtrace());
  } catch (const std::exception& e) {
    fail(e.what());
  }
  throw std::logic_error("unreachable");
}

inline double bytesOf(const at::Tensor& tensor) { return static_cast<double>(tensor.numel()) * tensor.element_size(); }

enum class Reduction { Sum, Mean, Max };

/** Elementwise reduction over ranks, as a new tensor; not counted. */
at::Tensor reduced(Group& group, const at::Tensor& given, Reduction reduction);

// Added to distExports().
std::vector<Export> collectiveExports();
std::vector<Export> averagingExports();

}  // namespace couplet
