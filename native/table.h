// The slot table: every tensor that JavaScript can name, and the scopes that free them.
#pragma once
#include <ATen/ATen.h>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace couplet {

/** A tensor for JavaScript: index and generation in one double (26 + 27 bits, exact below 2^53). */
using Handle = double;

/** Thrown for a freed or invalid handle. */
struct StaleHandle : std::runtime_error {
  StaleHandle() : std::runtime_error("the tensor was disposed") {}
};

class TensorTable {
 public:
  Handle add(at::Tensor tensor);
  const at::Tensor& get(Handle handle) const;
  void free(Handle handle);
  bool alive(Handle handle) const;

  /** Opens a scope, which owns all later tensors. */
  void enter() { marks_.push_back(log_.size()); }
  /** Frees the tensors of the innermost scope except `kept`, which move to its parent. */
  void exit(const std::vector<Handle>& kept);
  /** The tensor outlives every scope; its owner frees it. */
  void persist(Handle handle);

  size_t live() const { return live_; }
  size_t depth() const { return marks_.size(); }
  void clear();

  template <typename F>
  void each(F&& visit) const {
    for (const auto& slot : slots_)
      if (slot.used) visit(slot.tensor);
  }

 private:
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 0;
    bool used = false;
    bool persistent = false;
  };
  static constexpr double kIndexRange = 67108864.0;  // 2^26
  static constexpr uint32_t kGenerations = 1u << 27;

  static uint32_t index(Handle handle) { return static_cast<uint32_t>(static_cast<uint64_t>(handle) & 0x3ffffff); }
  static uint32_t generation(Handle handle) { return static_cast<uint32_t>(static_cast<uint64_t>(handle) >> 26); }
  void release(uint32_t index);

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  std::vector<Handle> log_;    // tensors of open scopes, oldest first
  std::vector<size_t> marks_;  // where in the log each open scope starts
  size_t live_ = 0;
};

}  // namespace couplet
