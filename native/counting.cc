// Counts the ops that libtorch dispatches, backward included. Costs nothing before countBegin().
#include <ATen/record_function.h>

#include <unordered_map>
#include <unordered_set>

#include "addon.h"

namespace couplet {
namespace {

// libtorch's callbacks are plain functions for the whole process, so their state is global.
std::mutex mutex;
std::unordered_map<std::string, double> counts;
std::unordered_set<std::string> opened;
at::CallbackHandle observer = 0;
bool observing = false;

/** A running op of this thread, and whether its inner ops count instead. */
struct Frame : at::ObserverContext {
  Frame* outer;
  bool isOpen;
  Frame(Frame* outer, bool isOpen) : outer(outer), isOpen(isOpen) {}
};

thread_local Frame* current = nullptr;

std::unique_ptr<at::ObserverContext> opBegins(const at::RecordFunction& op) {
  const bool counted = !current || current->isOpen;
  const bool isOperator = op.operator_name().has_value();  // not a wrapper, such as the engine's around a backward node
  const bool isOpen = counted && (!isOperator || opened.count(op.name()) > 0);
  if (counted && !isOpen) {
    const std::lock_guard<std::mutex> lock(mutex);
    ++counts[op.name()];
  }
  auto frame = std::make_unique<Frame>(current, isOpen);
  current = frame.get();
  return frame;
}

void opEnds(const at::RecordFunction&, at::ObserverContext* context) { current = static_cast<Frame*>(context)->outer; }

/** countBegin(names of ops that are looked into) */
napi_value countBegin(Call& call) {
  if (observing) throw std::runtime_error("ops are counted already");
  counts.clear();
  opened.clear();
  uint32_t length = 0;
  check(call.env, napi_get_array_length(call.env, call[0], &length));
  for (uint32_t i = 0; i < length; ++i) {
    napi_value name;
    check(call.env, napi_get_element(call.env, call[0], i, &name));
    opened.insert(readString(call.env, name));
  }
  at::RecordFunctionCallback callback(opBegins, opEnds);
  observer = at::addGlobalCallback(callback.scopes({at::RecordScope::FUNCTION}));
  observing = true;
  return nullptr;
}

/** countEnd() -> [[name, how often], ...] */
napi_value countEnd(Call& call) {
  if (!observing) throw std::runtime_error("no ops are counted");
  at::removeCallback(observer);
  observing = false;
  const std::lock_guard<std::mutex> lock(mutex);
  napi_value out, row;
  check(call.env, napi_create_array_with_length(call.env, counts.size(), &out));
  uint32_t at = 0;
  for (const auto& [name, count] : counts) {
    check(call.env, napi_create_array_with_length(call.env, 2, &row));
    check(call.env, napi_set_element(call.env, row, 0, toString(call.env, name)));
    check(call.env, napi_set_element(call.env, row, 1, toNumber(call.env, count)));
    check(call.env, napi_set_element(call.env, out, at++, row));
  }
  return out;
}

}  // namespace

std::vector<Export> countingExports() { return {{"countBegin", countBegin}, {"countEnd", countEnd}}; }

}  // namespace couplet
