// Kernels of a KernelLibrary, compiled for this machine and callable. The program ops that kernels use become numbers of the call.
#ifndef QCC_TEST_UNIT_KERNEL_COMPILEDKERNELS_H
#define QCC_TEST_UNIT_KERNEL_COMPILEDKERNELS_H
#include "lib/Kernel/KernelBuilder.h"
#include <memory>
#include <variant>
#include <vector>
namespace qcc::test {

/// A dense memref over a vector of the caller.
struct Buffer {
  const void *data;
  std::vector<int64_t> sizes;
};

/// What `qk.dim`, `qk.thread_id` and `qk.num_threads` give; names of other dimensions fail to compile.
struct Call {
  int64_t batch = 1, seq = 1, past = 0;
};

class CompiledKernels {
public:
  /// `build` adds kernels to the library of a fresh module. `lanes`: 16 or 8, with 32 or 16 vector registers.
  CompiledKernels(unsigned lanes, llvm::function_ref<void(KernelLibrary &)> build);
  ~CompiledKernels();
  /// Runs the kernel as `threads` threads would, one after the other, the last one first.
  void run(llvm::StringRef name, const Call &call, int64_t threads, const std::vector<Buffer> &arguments) const;
  /// One thread's part.
  void runThread(llvm::StringRef name, const Call &call, int64_t threads, int64_t thread, const std::vector<Buffer> &arguments) const;
  /// False where this machine lacks the instructions.
  static bool canRun(unsigned lanes);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};
} // namespace qcc::test
#endif
