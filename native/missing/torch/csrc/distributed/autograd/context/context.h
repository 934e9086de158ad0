// Debian's libtorch-dev leaves this header out, and c10d's reducer.hpp includes it for two names. CMakeLists.txt puts this one on
// the path only where libtorch's own is missing. Only pointers to the class are ever held.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

namespace torch::distributed::autograd {

class DistAutogradContext {
 public:
  using GradCallback = std::function<bool(at::Tensor&)>;
};
using ContextPtr = std::shared_ptr<DistAutogradContext>;

}  // namespace torch::distributed::autograd
