// A generated matmul kernel, compiled in this process for one target version and callable.
#ifndef QCC_TEST_UNIT_KERNEL_COMPILEDMATMUL_H
#define QCC_TEST_UNIT_KERNEL_COMPILEDMATMUL_H
#include "lib/Kernel/MatmulKernels.h"
#include "qcc/Target/Target.h"
#include <memory>
namespace qcc::test {

/// Arguments of a call, as pointers; see kernel::MatmulArgs.
struct MatmulCall {
  const uint8_t *weights = nullptr;
  int64_t weightOffset = 0;
  const void *input = nullptr;
  int64_t inputStride = 0;
  const float *scales = nullptr;
  int64_t scaleStride = 0;
  const int32_t *sums = nullptr;
  int64_t sumStride = 0;
  float *output = nullptr;
  int64_t outputStride = 0, m = 0, n = 0, k = 0, panelBegin = 0, panelEnd = 0, prefetch = 0;
  const float *bias = nullptr, *addend = nullptr;
  int64_t addendStride = 0;
};

/// Machine code of kernels, each a function `_mlir_ciface_<name>` of the C interface (memrefs by pointer), as an ELF object. The options are
/// those of CompiledMatmul::compile.
struct NamedKernel {
  std::string name;
  kernel::MatmulSpec spec;
};
llvm::Expected<llvm::SmallVector<char, 0>> emitKernels(llvm::ArrayRef<NamedKernel> kernels, const Target &target, const TargetInfo &info, const TargetVersion &version,
                                                       std::string *assembly = nullptr, const TargetVersion *machine = nullptr);

class CompiledMatmul {
public:
  CompiledMatmul(CompiledMatmul &&);
  ~CompiledMatmul();
  /// Compiles all of `specs`, generated for `version`, in one go. With `assembly`, also leaves the text there. With `machine`, instructions
  /// are those of that version: hooks that it lacks are emulated by their generic lowering.
  static llvm::Expected<CompiledMatmul> compile(llvm::ArrayRef<kernel::MatmulSpec> specs, const Target &target, const TargetInfo &info,
                                                const TargetVersion &version, std::string *assembly = nullptr, const TargetVersion *machine = nullptr);
  void run(size_t which, const MatmulCall &call) const;

private:
  CompiledMatmul();
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// True when this machine can run code of `version`.
bool canRun(const TargetVersion &version);
/// Lowers kernels (functions over scf, vector, memref and hooks) to the LLVM dialect.
mlir::LogicalResult lowerToLlvm(mlir::ModuleOp module, const Target &target, const TargetVersion &version);
} // namespace qcc::test
#endif
