#include "table.h"

#include <algorithm>

namespace couplet {

Handle TensorTable::add(at::Tensor tensor) {
  uint32_t at;
  if (free_.empty()) {
    at = static_cast<uint32_t>(slots_.size());
    if (at >= kIndexRange) throw std::runtime_error("more than 67 million live tensors: something leaks; see memoryStats()");
    slots_.emplace_back();
  } else {
    at = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[at];
  slot.tensor = std::move(tensor);
  slot.used = true;
  slot.persistent = false;
  ++live_;
  const Handle handle = slot.generation * kIndexRange + at;
  if (!marks_.empty()) log_.push_back(handle);
  return handle;
}

bool TensorTable::alive(Handle handle) const {
  if (!(handle >= 0)) return false;
  const uint32_t at = index(handle);
  return at < slots_.size() && slots_[at].used && slots_[at].generation == generation(handle);
}

const at::Tensor& TensorTable::get(Handle handle) const {
  if (!alive(handle)) throw StaleHandle();
  return slots_[index(handle)].tensor;
}

void TensorTable::release(uint32_t at) {
  Slot& slot = slots_[at];
  slot.tensor.reset();
  slot.used = false;
  slot.generation = (slot.generation + 1) % kGenerations;
  free_.push_back(at);
  --live_;
}

void TensorTable::free(Handle handle) {
  if (alive(handle)) release(index(handle));
}

void TensorTable::persist(Handle handle) {
  if (!alive(handle)) throw StaleHandle();
  slots_[index(handle)].persistent = true;
}

void TensorTable::exit(const std::vector<Handle>& kept) {
  if (marks_.empty()) throw std::runtime_error("scope exit without an open scope");
  const size_t mark = marks_.back();
  marks_.pop_back();
  std::vector<Handle> moved;
  for (size_t i = mark; i < log_.size(); ++i) {
    const Handle handle = log_[i];
    if (!alive(handle) || slots_[index(handle)].persistent) continue;
    if (std::find(kept.begin(), kept.end(), handle) != kept.end())
      moved.push_back(handle);
    else
      release(index(handle));
  }
  log_.resize(mark);
  if (!marks_.empty()) log_.insert(log_.end(), moved.begin(), moved.end());
}

void TensorTable::clear() {
  // Slots keep their generations, so that an old handle never names a new tensor.
  for (uint32_t at = 0; at < slots_.size(); ++at)
    if (slots_[at].used) release(at);
  log_.clear();
  marks_.clear();
}

}  // namespace couplet
