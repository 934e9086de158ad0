// CUDA graphs. CMake takes graph_none.cc where libtorch has no CUDA.
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>

#include "addon.h"

namespace couplet {

/** The graphs of one environment, and the stream of captures: the default stream cannot be captured. */
struct Graphs {
  c10::cuda::CUDAStream captures = c10::cuda::getStreamFromPool();
  c10::cuda::CUDAStream outer = c10::cuda::getDefaultCUDAStream();
  at::cuda::MempoolId_t pool = at::cuda::graph_pool_handle();
  std::vector<std::unique_ptr<at::cuda::CUDAGraph>> graphs;
  /** Ids of the graphs in the shared pool. */
  std::vector<size_t> sharing;
  bool capturing = false;
};

namespace {

Graphs& graphsOf(Call& call) {
  if (!call.addon.graphs) call.addon.graphs = std::make_shared<Graphs>();
  return *call.addon.graphs;
}

at::cuda::CUDAGraph& graphOf(Call& call) {
  Graphs& all = graphsOf(call);
  const auto id = static_cast<size_t>(call.number(0));
  if (id >= all.graphs.size() || !all.graphs[id]) throw std::invalid_argument("no such graph");
  return *all.graphs[id];
}

/** Later work on `next` waits for earlier work on `before`. */
void follow(c10::cuda::CUDAStream before, c10::cuda::CUDAStream next) {
  at::cuda::CUDAEvent event;
  event.record(before);
  event.block(next);
}

/** captureStreamEnter(): ops of this thread go to the stream of captures. Warm-ups run there too. */
napi_value captureStreamEnter(Call& call) {
  Graphs& all = graphsOf(call);
  all.outer = c10::cuda::getCurrentCUDAStream();
  follow(all.outer, all.captures);
  c10::cuda::setCurrentCUDAStream(all.captures);
  return nullptr;
}

/** captureStreamLeave(): back to the stream before. Drops a capture that failed. */
napi_value captureStreamLeave(Call& call) {
  Graphs& all = graphsOf(call);
  if (all.capturing) {
    all.capturing = false;
    try {
      all.graphs.back()->capture_end();
    } catch (...) {
    }
    if (!all.sharing.empty() && all.sharing.back() == all.graphs.size() - 1) all.sharing.pop_back();
    all.graphs.pop_back();
  }
  c10::cuda::setCurrentCUDAStream(all.outer);
  follow(all.captures, all.outer);
  return nullptr;
}

/**
 * graphBegin(ownPool): captures ops instead of running them, between captureStreamEnter and captureStreamLeave. In the shared
 * pool a graph may reuse memory that an earlier one freed, so graphs must be replayed in the order of their capture.
 */
napi_value graphBegin(Call& call) {
  Graphs& all = graphsOf(call);
  const bool ownPool = call.boolean(0);
  // CUDA frees a pool with its last graph; its handle is then invalid.
  const bool live = std::any_of(all.sharing.begin(), all.sharing.end(), [&](size_t id) { return all.graphs[id] != nullptr; });
  if (!ownPool && !live) {
    all.pool = at::cuda::graph_pool_handle();
    all.sharing.clear();
  }
  all.graphs.push_back(std::make_unique<at::cuda::CUDAGraph>());
  all.graphs.back()->capture_begin(ownPool ? at::cuda::graph_pool_handle() : all.pool, cudaStreamCaptureModeThreadLocal);
  if (!ownPool) all.sharing.push_back(all.graphs.size() - 1);
  all.capturing = true;
  return nullptr;
}

/** graphEnd() -> id of the captured graph. */
napi_value graphEnd(Call& call) {
  Graphs& all = graphsOf(call);
  all.capturing = false;
  all.graphs.back()->capture_end();
  return toNumber(call.env, static_cast<double>(all.graphs.size() - 1));
}

/** graphReplay(id): launches it on the current stream. */
napi_value graphReplay(Call& call) {
  graphOf(call).replay();
  return nullptr;
}

napi_value graphDispose(Call& call) {
  graphOf(call);
  graphsOf(call).graphs[static_cast<size_t>(call.number(0))].reset();
  return nullptr;
}

}  // namespace

std::vector<Export> graphExports() {
  return {{"captureStreamEnter", captureStreamEnter}, {"captureStreamLeave", captureStreamLeave}, {"graphBegin", graphBegin},
          {"graphEnd", graphEnd}, {"graphReplay", graphReplay}, {"graphDispose", graphDispose}};
}

}  // namespace couplet
