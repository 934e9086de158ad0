// graph_cuda.cc for a libtorch without CUDA: every export throws.
#include "addon.h"

namespace couplet {

namespace {

napi_value refuse(Call&) { throw std::invalid_argument("this build of the addon has no CUDA, and so no CUDA graphs"); }

}  // namespace

std::vector<Export> graphExports() {
  return {{"captureStreamEnter", refuse}, {"captureStreamLeave", refuse}, {"graphBegin", refuse},
          {"graphEnd", refuse}, {"graphReplay", refuse}, {"graphDispose", refuse}};
}

}  // namespace couplet
