// Means of gradients over ranks: by c10d::Reducer while backward runs, or after it.
#include <algorithm>
#include <type_traits>

#include "dist.h"

namespace couplet {
namespace {

// --- versions ------------------------------------------------------------------------------------------------------
// The compiler picks Reducer's constructor, which differs between versions of libtorch.

using Buckets = std::vector<std::vector<size_t>>;
using Limits = std::vector<size_t>;
using Names = std::unordered_map<size_t, std::string>;
using Flags = std::vector<bool>;

/** Where no signature fits, averageGrads averages without a reducer. */
template <typename R, typename... Before>
constexpr bool kTakes = std::is_constructible_v<R, Params, Buckets, Before..., ProcessGroupPtr, Flags, int64_t, bool, bool, Names, int64_t>;
template <typename R>
constexpr bool kTakes11 = std::is_constructible_v<R, Params, Buckets, ProcessGroupPtr, Flags, int64_t, bool, bool, Names, int64_t, bool, bool>;
template <typename R>
constexpr bool kTakes12 =
    std::is_constructible_v<R, Params, Buckets, ProcessGroupPtr, Flags, int64_t, bool, bool, Names, int64_t, bool, bool, std::vector<int64_t>>;
template <typename R>
constexpr bool kHasReducer = kTakes<R, Limits> || kTakes<R> || kTakes11<R> || kTakes12<R>;

/** Gradients are views of the averaged buckets, which saves two copies. */
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

// --- for JavaScript -------------------------------------------------------------------------------------------

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
  // The last layer's gradients come first.
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

}  // namespace

std::vector<Export> averagingExports() {
  return {{"averageGrads", averageGrads}, {"hasReducer", hasReducer}, {"reducer", reducer}, {"reducerPrepare", reducerPrepare},
          {"reducerFinish", reducerFinish}, {"reducerDispose", reducerDispose}};
}

}  // namespace couplet
