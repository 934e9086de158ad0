// Ranks: the store they meet in, their process group (Gloo or NCCL), gathering with gradient, and the reducer that averages
// gradients while backward runs. What differs between libtorch's versions is in "versions", and nowhere else.
#include <torch/csrc/api/include/torch/version.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#ifdef COUPLET_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef COUPLET_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <thread>
#include <type_traits>

#include "addon.h"

namespace couplet {
namespace {

using Milliseconds = std::chrono::milliseconds;
using StorePtr = c10::intrusive_ptr<c10d::Store>;
using ProcessGroupPtr = c10::intrusive_ptr<c10d::ProcessGroup>;

// --- versions ------------------------------------------------------------------------------------------------------
// libtorch 2 split c10d::ProcessGroup: a Backend does the work, and a ProcessGroup that names one per device is what Reducer
// wants. Constructors changed more often than once, so they are asked for by the compiler instead of by a version number.

#if TORCH_VERSION_MAJOR >= 2
using Backend = c10d::Backend;

template <typename G, typename Type>
auto setDefault(G& group, Type type, int) -> decltype(group.setDefaultBackend(type), void()) {
  group.setDefaultBackend(type);
}
template <typename G, typename Type>
void setDefault(G&, Type, long) {}

template <typename G>
c10::intrusive_ptr<G> groupFor(const StorePtr& store, const c10::intrusive_ptr<Backend>& backend, c10::DeviceType device) {
  if constexpr (std::is_constructible_v<G, StorePtr, int, int>) {
    auto group = c10::make_intrusive<G>(store, backend->getRank(), backend->getSize());
    const auto type = device == c10::kCPU ? G::BackendType::GLOO : G::BackendType::NCCL;
    group->setBackend(device, type, backend);
    setDefault(*group, type, 0);
    return group;
  } else {
    return {};  // 2.0 to 2.5: no reducer then
  }
}

template <typename B>
auto endBackend(B& backend, int) -> decltype(backend.shutdown(), void()) {
  backend.shutdown();
}
#else
using Backend = c10d::ProcessGroup;

template <typename G>
c10::intrusive_ptr<G> groupFor(const StorePtr&, const c10::intrusive_ptr<Backend>& backend, c10::DeviceType) {
  return backend;
}
#endif
template <typename B>
void endBackend(B&, long) {}

using Params = std::vector<at::Tensor>;
using Buckets = std::vector<std::vector<size_t>>;
using Limits = std::vector<size_t>;
using Names = std::unordered_map<size_t, std::string>;
using Flags = std::vector<bool>;

/** How often libtorch changed this signature is why a group without a reducer still averages (averageGrads). */
template <typename R, typename... Before>
constexpr bool kTakes = std::is_constructible_v<R, Params, Buckets, Before..., ProcessGroupPtr, Flags, int64_t, bool, bool, Names, int64_t>;
template <typename R>
constexpr bool kTakes11 = std::is_constructible_v<R, Params, Buckets, ProcessGroupPtr, Flags, int64_t, bool, bool, Names, int64_t, bool, bool>;
template <typename R>
constexpr bool kTakes12 =
    std::is_constructible_v<R, Params, Buckets, ProcessGroupPtr, Flags, int64_t, bool, bool, Names, int64_t, bool, bool, std::vector<int64_t>>;
template <typename R>
constexpr bool kHasReducer = kTakes<R, Limits> || kTakes<R> || kTakes11<R> || kTakes12<R>;

/** Gradients live in the buckets that are averaged: no copy in or out. The optimizer drops them after each step. */
constexpr bool kGradientsAreViews = true;

template <typename R>
std::unique_ptr<R> makeReducer(const Params& params, Buckets buckets, Limits limits, const ProcessGroupPtr& group, int64_t cap, int64_t firstCap) {
  const Flags sparse(params.size(), false);
  (void)limits;
  if constexpr (kTakes<R, Limits>)  // 1.13
    return std::make_unique<R>(params, std::move(buckets), std::move(limits), group, sparse, cap, false, kGradientsAreViews, Names(), firstCap);
  else if constexpr (kTakes11<R>)  // 2.6 and later
    return std::make_unique<R>(params, std::move(buckets), group, sparse, cap, false, kGradientsAreViews, Names(), firstCap, false, false);
  else if constexpr (kTakes12<R>)  // 2.13
    return std::make_unique<R>(params, std::move(buckets), group, sparse, cap, false, kGradientsAreViews, Names(), firstCap, false, false, std::vector<int64_t>());
  else if constexpr (kTakes<R>)
    return std::make_unique<R>(params, std::move(buckets), group, sparse, cap, false, kGradientsAreViews, Names(), firstCap);
  else
    throw std::runtime_error("this libtorch's c10d::Reducer has a signature that Couplet does not know");
}

// --- state ---------------------------------------------------------------------------------------------------------

struct Traffic {
  double calls = 0, sent = 0, received = 0;
};

/** One process group and what went over it. A graph of gradients may hold it, hence the reference count. */
struct Group : torch::CustomClassHolder {
  c10::intrusive_ptr<Backend> backend;
  ProcessGroupPtr forReducer;
  c10::Device device = c10::kCPU;
  int rank = 0;
  int size = 1;
  std::mutex mutex;  // backward on CUDA runs on a thread of libtorch's
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

}  // namespace

struct Dist {
  std::vector<StorePtr> stores;
  std::vector<GroupPtr> groups;
  std::vector<std::unique_ptr<Averager>> averagers;
};

namespace {

/** Never freed with the environment: ending threads of libtorch's at exit may block or crash. groupClose() ends them in time. */
Dist& dist(Call& call) {
  if (!call.addon.dist) call.addon.dist = std::shared_ptr<Dist>(new Dist, [](Dist*) {});
  return *call.addon.dist;
}

template <typename List>
auto& entry(List& list, double id, const char* what) {
  if (!(id >= 0) || id >= list.size() || !list[static_cast<size_t>(id)])
    throw std::invalid_argument(std::string("this ") + what + " was closed");
  return list[static_cast<size_t>(id)];
}

StorePtr& storeOf(Call& call) { return entry(dist(call).stores, call.number(0), "store"); }
GroupPtr& groupOf(Call& call) { return entry(dist(call).groups, call.number(0), "process group"); }
Milliseconds timeoutOf(Call& call, size_t i) { return Milliseconds(static_cast<int64_t>(call.number(i))); }

template <typename List, typename Item>
napi_value keep(Call& call, List& list, Item item) {
  list.push_back(std::move(item));
  return toNumber(call.env, static_cast<double>(list.size() - 1));
}

/**
 * Runs `work` on a thread of its own and waits at most `timeout`. Some of libtorch's socket calls have no limit: one that talks
 * to a master that accepts and then says nothing never returns. Such a thread stays behind, asleep.
 */
template <typename Work>
auto bounded(Milliseconds timeout, Work work) -> decltype(work()) {
  using Result = decltype(work());
  auto task = std::make_shared<std::packaged_task<Result()>>(std::move(work));
  auto result = task->get_future();
  std::thread([task] { (*task)(); }).detach();
  if (result.wait_for(timeout) != std::future_status::ready)
    throw std::runtime_error("no answer within " + std::to_string(timeout.count()) + " ms");
  return result.get();
}

/** Names rank, collective and tensor in what libtorch throws: backward() may be far from here. */
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

// --- collectives ---------------------------------------------------------------------------------------------------

double bytesOf(const at::Tensor& tensor) { return static_cast<double>(tensor.numel()) * tensor.element_size(); }

/** The elements as bytes, so that every dtype can be moved, also those that a backend cannot add. Contiguous tensors only. */
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

enum class Reduction { Sum, Mean, Max };

/** What every rank gets of the elementwise reduction, as a new tensor; not counted. */
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

/** Forward: all-gather. Backward: each rank's rows of the sum over ranks of what came back. */
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

// --- averaging gradients -------------------------------------------------------------------------------------------

/** averageGrads(group, handles, label): one all-reduce per dtype of all gradients, flattened; each becomes the mean over ranks. */
napi_value averageGrads(Call& call) {
  Group& group = *groupOf(call);
  const std::string label = call.string(2);
  std::map<at::ScalarType, Params> byType;
  double bytes = 0;
  for (const Handle handle : call.handles(1)) {
    const at::Tensor grad = call.addon.tensors.get(handle).grad();
    if (!grad.defined()) throw std::invalid_argument("a parameter has no gradient");
    byType[grad.scalar_type()].push_back(grad);
    bytes += bytesOf(grad);
  }
  const double moved = 2 * bytes * (group.size - 1) / group.size;
  group.count(label, moved, moved);
  named(group, "all-reduce", label, [&] {
    at::NoGradGuard guard;
    for (auto& [type, grads] : byType) {
      Params flat;
      for (const auto& grad : grads) flat.push_back(grad.reshape({-1}));
      const at::Tensor mean = reduced(group, at::cat(flat), Reduction::Mean);
      int64_t from = 0;
      for (auto& grad : grads) {
        grad.copy_(mean.narrow(0, from, grad.numel()).view(grad.sizes()));
        from += grad.numel();
      }
    }
  });
  return nullptr;
}

/** reducer(group, handles, bucketBytes, firstBucketBytes) -> id. Parameters in the same order on every rank, all with gradients. */
napi_value reducer(Call& call) {
  auto made = std::make_unique<Averager>();
  made->group = groupOf(call);
  for (const Handle handle : call.handles(1)) {
    made->params.push_back(call.addon.tensors.get(handle));
    made->bytes += bytesOf(made->params.back());
  }
  if (!made->group->forReducer) throw std::runtime_error("this libtorch has no reducer that Couplet knows");
  const auto cap = static_cast<int64_t>(call.number(2)), firstCap = static_cast<int64_t>(call.number(3));
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(made->params, {static_cast<size_t>(firstCap), static_cast<size_t>(cap)});
  // Gradients come last layer first.
  std::reverse(buckets.begin(), buckets.end());
  std::reverse(limits.begin(), limits.end());
  made->reducer = makeReducer<c10d::Reducer>(made->params, std::move(buckets), std::move(limits), made->group->forReducer, cap, firstCap);
  return keep(call, dist(call).averagers, std::move(made));
}

Averager& averagerOf(Call& call) { return *entry(dist(call).averagers, call.number(0), "reducer"); }

/** reducerPrepare(id): the next backward averages. From the second step on the buckets follow the order of the gradients. */
napi_value reducerPrepare(Call& call) {
  Averager& averager = averagerOf(call);
  named(*averager.group, "preparation", "gradients", [&] {
    averager.reducer->rebuild_buckets();
    averager.reducer->prepare_for_backward({});
  });
  return nullptr;
}

/** reducerFinish(id, label) -> indices of parameters that got no gradient: their bucket was not averaged. */
napi_value reducerFinish(Call& call) {
  Averager& averager = averagerOf(call);
  const double moved = 2 * averager.bytes * (averager.group->size - 1) / averager.group->size;
  averager.group->count(call.string(1), moved, moved);
  napi_value out;
  check(call.env, napi_create_array(call.env, &out));
  uint32_t missing = 0;
  for (size_t i = 0; i < averager.params.size(); ++i)
    if (!averager.params[i].grad().defined()) check(call.env, napi_set_element(call.env, out, missing++, toNumber(call.env, i)));
  return out;
}

napi_value reducerDispose(Call& call) {
  const auto id = static_cast<size_t>(call.number(0));
  auto& averagers = dist(call).averagers;
  if (id < averagers.size()) averagers[id].reset();
  return nullptr;
}

napi_value hasReducer(Call& call) { return toBool(call.env, kHasReducer<c10d::Reducer>); }

// --- store ---------------------------------------------------------------------------------------------------------

/** storeOpen(host, port, isServer, timeoutMs) -> { id, port }. Port 0 lets the server choose. */
napi_value storeOpen(Call& call) {
  c10d::TCPStoreOptions options;
  const std::string host = call.string(0);
  options.port = static_cast<uint16_t>(call.number(1));
  options.isServer = call.boolean(2);
  options.waitWorkers = false;
  options.timeout = timeoutOf(call, 3);
  // A little longer than libtorch itself waits, whose message then says more.
  const auto store = bounded(options.timeout + Milliseconds(500), [host, options] { return c10::make_intrusive<c10d::TCPStore>(host, options); });
  napi_value out;
  check(call.env, napi_create_object(call.env, &out));
  setField(call.env, out, "port", toNumber(call.env, store->getPort()));
  setField(call.env, out, "id", keep(call, dist(call).stores, StorePtr(store)));
  return out;
}

/** storePrefix(store, prefix) -> the same store, with names of its own. */
napi_value storePrefix(Call& call) {
  const StorePtr inner = storeOf(call);
  return keep(call, dist(call).stores, StorePtr(c10::make_intrusive<c10d::PrefixStore>(call.string(1), inner)));
}

napi_value storeSet(Call& call) {
  const StorePtr store = storeOf(call);
  const std::string key = call.string(1), text = call.string(2);
  bounded(timeoutOf(call, 3), [=] { store->set(key, std::vector<uint8_t>(text.begin(), text.end())); });
  return nullptr;
}

/** storeGet(store, key, timeoutMs) -> text; undefined when nobody has set it within the time. */
napi_value storeGet(Call& call) {
  const StorePtr store = storeOf(call);
  const std::string key = call.string(1);
  const auto end = std::chrono::steady_clock::now() + timeoutOf(call, 2);
  const auto left = [&] { return std::max(Milliseconds(1000), std::chrono::duration_cast<Milliseconds>(end - std::chrono::steady_clock::now())); };
  // Not Store::wait: it holds the connection while it waits, and its error cannot be told from a broken connection.
  for (auto pause = Milliseconds(1);; pause = std::min(pause * 2, Milliseconds(50))) {
    if (bounded(left(), [=] { return store->check({key}); })) break;
    if (std::chrono::steady_clock::now() >= end) return nullptr;
    std::this_thread::sleep_for(pause);
  }
  const auto bytes = bounded(left(), [=] { return store->get(key); });
  return toString(call.env, std::string(bytes.begin(), bytes.end()));
}

/** storeAdd(store, key, amount, timeoutMs) -> the sum so far. */
napi_value storeAdd(Call& call) {
  const StorePtr store = storeOf(call);
  const std::string key = call.string(1);
  const auto amount = static_cast<int64_t>(call.number(2));
  return toNumber(call.env, static_cast<double>(bounded(timeoutOf(call, 3), [=] { return store->add(key, amount); })));
}

napi_value storeDelete(Call& call) {
  const StorePtr store = storeOf(call);
  const std::string key = call.string(1);
  bounded(timeoutOf(call, 2), [=] { store->deleteKey(key); });
  return nullptr;
}

napi_value storeClose(Call& call) {
  storeOf(call).reset();
  return nullptr;
}

// --- groups --------------------------------------------------------------------------------------------------------

/** The address of this machine that `host` is reached from: where other ranks can reach us. Empty when unknown. */
std::string addressTowards(const std::string& host) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(host.c_str(), "9", &hints, &found) != 0) return "";
  std::string address;
  for (const addrinfo* at = found; at && address.empty(); at = at->ai_next) {
    const int socket = ::socket(at->ai_family, at->ai_socktype, 0);
    if (socket < 0) continue;
    sockaddr_storage own{};
    socklen_t length = sizeof(own);
    char text[NI_MAXHOST];
    // Connecting a datagram socket sends nothing; it only chooses a route.
    if (connect(socket, at->ai_addr, at->ai_addrlen) == 0 && getsockname(socket, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0)
      address = text;
    close(socket);
  }
  freeaddrinfo(found);
  return address;
}

c10::intrusive_ptr<Backend> glooBackend(const StorePtr& store, int rank, int size, Milliseconds timeout, const std::string& host) {
#ifdef COUPLET_GLOO
  auto options = c10d::ProcessGroupGloo::Options::create();
  options->timeout = timeout;
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  const std::string address = interface ? "" : addressTowards(host);
  options->devices.push_back(interface           ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                             : !address.empty() ? c10d::ProcessGroupGloo::createDeviceForHostname(address)
                                                 : c10d::ProcessGroupGloo::createDefaultDevice());
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
#else
  (void)store, (void)rank, (void)size, (void)timeout, (void)host;
  throw std::runtime_error("this addon was built without Gloo, so that ranks on the CPU cannot talk");
#endif
}

c10::intrusive_ptr<Backend> ncclBackend(const StorePtr& store, int rank, int size, Milliseconds timeout) {
#ifdef COUPLET_NCCL
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
#else
  (void)store, (void)rank, (void)size, (void)timeout;
  throw std::runtime_error("this addon was built without NCCL, so that ranks on GPUs cannot talk");
#endif
}

/** backends() -> { gloo, nccl }: what this addon was built with. */
napi_value backends(Call& call) {
  bool gloo = false, nccl = false;
#ifdef COUPLET_GLOO
  gloo = true;
#endif
#ifdef COUPLET_NCCL
  nccl = true;
#endif
  napi_value out;
  check(call.env, napi_create_object(call.env, &out));
  setField(call.env, out, "gloo", toBool(call.env, gloo));
  setField(call.env, out, "nccl", toBool(call.env, nccl));
  return out;
}

/** groupOpen(store, device, rank, size, timeoutMs, host) -> id. "cpu" means Gloo, "cuda:N" NCCL. All ranks must call it. */
napi_value groupOpen(Call& call) {
  const StorePtr store = storeOf(call);
  const c10::Device device(call.string(1));
  const int rank = static_cast<int>(call.number(2)), size = static_cast<int>(call.number(3));
  const Milliseconds timeout = timeoutOf(call, 4);
  const std::string host = call.string(5);
  store->setTimeout(timeout);
  auto made = bounded(timeout + Milliseconds(500), [=] {
    auto group = c10::make_intrusive<Group>();
    group->device = device;
    group->rank = rank;
    group->size = size;
    group->backend = device.is_cpu() ? glooBackend(store, rank, size, timeout, host) : ncclBackend(store, rank, size, timeout);
    group->forReducer = groupFor<c10d::ProcessGroup>(store, group->backend, device.type());
    return group;
  });
  return keep(call, dist(call).groups, std::move(made));
}

/**
 * groupClose(id, broken): ends its threads. Those of a broken group may still wait for a rank that is gone, so another thread
 * ends them; that closes the connections, which is how the other ranks learn of it.
 */
napi_value groupClose(Call& call) {
  GroupPtr& group = groupOf(call);
  const bool broken = call.boolean(1);
  std::vector<std::unique_ptr<Averager>> averagers;
  for (auto& averager : dist(call).averagers)
    if (averager && averager->group == group) averagers.push_back(std::move(averager));
  const auto end = [group, broken](auto& reducers) {
    reducers.clear();
    if (!broken) endBackend(*group->backend, 0);
    group->forReducer.reset();
    group->backend.reset();
  };
  group.reset();
  if (broken)
    std::thread([end, kept = std::move(averagers)]() mutable { end(kept); }).detach();
  else
    end(averagers);
  return nullptr;
}

}  // namespace

std::vector<Export> distExports() {
  return {{"storeOpen", storeOpen}, {"storePrefix", storePrefix}, {"storeSet", storeSet}, {"storeGet", storeGet},
          {"storeAdd", storeAdd}, {"storeDelete", storeDelete}, {"storeClose", storeClose}, {"backends", backends},
          {"groupOpen", groupOpen}, {"groupClose", groupClose}, {"allGather", allGather},
          {"allGatherWithGrad", allGatherWithGrad}, {"allReduce", allReduce}, {"reduceScatter", reduceScatter},
          {"broadcast", broadcast}, {"traffic", traffic}, {"resetTraffic", resetTraffic}, {"averageGrads", averageGrads},
          {"hasReducer", hasReducer}, {"reducer", reducer}, {"reducerPrepare", reducerPrepare},
          {"reducerFinish", reducerFinish}, {"reducerDispose", reducerDispose}};
}

}  // namespace couplet
