// CUDA graphs: a sequence of kernels recorded once and launched again as one. Memory of graphs comes from one pool, or from their own.
#ifdef COUPLET_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <algorithm>

#include "addon.h"

namespace couplet {

#ifdef COUPLET_CUDA
/** The graphs of one environment, and the stream on which they are recorded: the default one cannot be. */
struct Graphs {
  c10::cuda::CUDAStream recorder = c10::cuda::getStreamFromPool();
  c10::cuda::CUDAStream outer = c10::cuda::getDefaultCUDAStream();
  at::cuda::MempoolId_t pool = at::cuda::graph_pool_handle();
  std::vector<std::unique_ptr<at::cuda::CUDAGraph>> graphs;
  /** Those whose memory is in the pool. */
  std::vector<size_t> sharing;
  bool recording = false;
};
#else
struct Graphs {};
#endif

namespace {

#ifdef COUPLET_CUDA
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

/** What is launched on `next` from here on comes after what was launched on `before`. */
void follow(c10::cuda::CUDAStream before, c10::cuda::CUDAStream next) {
  at::cuda::CUDAEvent event;
  event.record(before);
  event.block(next);
}
#else
[[noreturn]] void refuse() { throw std::invalid_argument("this build of the addon has no CUDA, and so no CUDA graphs"); }
#endif

/** recorderEnter(): ops of this thread go to the recording stream, after those before. For a first run, which sets libraries up. */
napi_value recorderEnter(Call& call) {
#ifdef COUPLET_CUDA
  Graphs& all = graphsOf(call);
  all.outer = c10::cuda::getCurrentCUDAStream();
  follow(all.outer, all.recorder);
  c10::cuda::setCurrentCUDAStream(all.recorder);
  return nullptr;
#else
  (void)call;
  refuse();
#endif
}

/** recorderLeave(): back to the stream before; a record that failed is given up. */
napi_value recorderLeave(Call& call) {
#ifdef COUPLET_CUDA
  Graphs& all = graphsOf(call);
  if (all.recording) {
    all.recording = false;
    try {
      all.graphs.back()->capture_end();
    } catch (...) {
    }
    if (!all.sharing.empty() && all.sharing.back() == all.graphs.size() - 1) all.sharing.pop_back();
    all.graphs.pop_back();
  }
  c10::cuda::setCurrentCUDAStream(all.outer);
  follow(all.recorder, all.outer);
  return nullptr;
#else
  (void)call;
  refuse();
#endif
}

/**
 * graphBegin(ownPool): from here on ops are recorded, not run. Between recorderEnter and recorderLeave. In the shared pool a graph may
 * reuse what an earlier one has freed, and then spoils it when replayed between that one's parts.
 */
napi_value graphBegin(Call& call) {
#ifdef COUPLET_CUDA
  Graphs& all = graphsOf(call);
  const bool ownPool = call.boolean(0);
  // The pool goes with its last graph: a name that nothing uses any more is refused.
  const bool live = std::any_of(all.sharing.begin(), all.sharing.end(), [&](size_t id) { return all.graphs[id] != nullptr; });
  if (!ownPool && !live) {
    all.pool = at::cuda::graph_pool_handle();
    all.sharing.clear();
  }
  all.graphs.push_back(std::make_unique<at::cuda::CUDAGraph>());
  all.graphs.back()->capture_begin(ownPool ? at::cuda::graph_pool_handle() : all.pool, cudaStreamCaptureModeThreadLocal);
  if (!ownPool) all.sharing.push_back(all.graphs.size() - 1);
  all.recording = true;
  return nullptr;
#else
  (void)call;
  refuse();
#endif
}

/** graphEnd() -> id of what was recorded. */
napi_value graphEnd(Call& call) {
#ifdef COUPLET_CUDA
  Graphs& all = graphsOf(call);
  all.recording = false;
  all.graphs.back()->capture_end();
  return toNumber(call.env, static_cast<double>(all.graphs.size() - 1));
#else
  (void)call;
  refuse();
#endif
}

/** graphReplay(id): launches it on the current stream. */
napi_value graphReplay(Call& call) {
#ifdef COUPLET_CUDA
  graphOf(call).replay();
  return nullptr;
#else
  (void)call;
  refuse();
#endif
}

napi_value graphDispose(Call& call) {
#ifdef COUPLET_CUDA
  graphOf(call);
  graphsOf(call).graphs[static_cast<size_t>(call.number(0))].reset();
  return nullptr;
#else
  (void)call;
  refuse();
#endif
}

}  // namespace

std::vector<Export> graphExports() {
  return {{"recorderEnter", recorderEnter}, {"recorderLeave", recorderLeave}, {"graphBegin", graphBegin},
          {"graphEnd", graphEnd}, {"graphReplay", graphReplay}, {"graphDispose", graphDispose}};
}

}  // namespace couplet
