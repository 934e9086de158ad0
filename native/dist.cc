// Where ranks meet: the store, and the process groups (Gloo or NCCL) that are opened through it.
#include "dist.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
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
#include <future>
#include <thread>
#include <type_traits>

namespace couplet {

/** Never freed: ending libtorch's threads at exit may block or crash. groupClose() ends them earlier. */
Dist& dist(Call& call) {
  if (!call.addon.dist) call.addon.dist = std::shared_ptr<Dist>(new Dist, [](Dist*) {});
  return *call.addon.dist;
}

namespace {

using Milliseconds = std::chrono::milliseconds;

// --- versions ------------------------------------------------------------------------------------------------------
// The compiler picks the constructors, which differ between versions of libtorch.

#if TORCH_VERSION_MAJOR >= 2
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
template <typename G>
c10::intrusive_ptr<G> groupFor(const StorePtr&, const c10::intrusive_ptr<Backend>& backend, c10::DeviceType) {
  return backend;
}
#endif
template <typename B>
void endBackend(B&, long) {}

// --- store ---------------------------------------------------------------------------------------------------------

StorePtr& storeOf(Call& call) { return entry(dist(call).stores, call.number(0), "store"); }
Milliseconds timeoutOf(Call& call, size_t i) { return Milliseconds(static_cast<int64_t>(call.number(i))); }

/** Runs `work` on another thread and waits at most `timeout`: some socket calls of libtorch never return. Such a thread stays asleep. */
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

/** storePrefix(store, prefix) -> the same store with a prefix for all keys. */
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

/** storeGet(store, key, timeoutMs) -> text; undefined after the timeout. */
napi_value storeGet(Call& call) {
  const StorePtr store = storeOf(call);
  const std::string key = call.string(1);
  const auto end = std::chrono::steady_clock::now() + timeoutOf(call, 2);
  const auto left = [&] { return std::max(Milliseconds(1000), std::chrono::duration_cast<Milliseconds>(end - std::chrono::steady_clock::now())); };
  // Not Store::wait: it blocks the connection, and a timeout looks like a broken connection.
  for (auto pause = Milliseconds(1);; pause = std::min(pause * 2, Milliseconds(50))) {
    if (bounded(left(), [=] { return store->check({key}); })) break;
    if (std::chrono::steady_clock::now() >= end) return nullptr;
    std::this_thread::sleep_for(pause);
  }
  const auto bytes = bounded(left(), [=] { return store->get(key); });
  return toString(call.env, std::string(bytes.begin(), bytes.end()));
}

/** storeAdd(store, key, amount, timeoutMs) -> the sum. */
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

/** The local address on the route to `host`, where other ranks can reach us. Empty when unknown. */
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
    // Connecting a datagram socket only chooses a route.
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

/** backends() -> { gloo, nccl } of this build. */
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

/** groupClose(id, broken): ends its threads and connections; for a broken group on another thread, because they may wait for a lost rank. */
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
  std::vector<Export> all{{"storeOpen", storeOpen}, {"storePrefix", storePrefix}, {"storeSet", storeSet}, {"storeGet", storeGet},
                          {"storeAdd", storeAdd}, {"storeDelete", storeDelete}, {"storeClose", storeClose}, {"backends", backends},
                          {"groupOpen", groupOpen}, {"groupClose", groupClose}};
  for (const auto& more : {collectiveExports(), averagingExports()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace couplet
