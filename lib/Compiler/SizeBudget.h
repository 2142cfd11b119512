// --target-size: bytes of all weights as a budget of bits per layer weight, which is what assign-precision takes.
#ifndef QCC_LIB_COMPILER_SIZEBUDGET_H
#define QCC_LIB_COMPILER_SIZEBUDGET_H
#include "mlir/IR/BuiltinOps.h"
#include <cstdint>
namespace qcc {
class PassRunner;
struct CompilerOptions;
struct TargetInfo;

/// Bits per layer weight, 1 to 32, if layer weights were all of `bytes`.
double bitsForSize(mlir::ModuleOp module, int64_t bytes);

/// Lowers `budget.targetBpw` until all weights of `module`, placed for `target`, have at most `budget.targetSize` bytes. `module` has `qnt.sensitivity`, and
/// gets what each candidate takes in the file (`qnt.placed_bits`). ExitQuantization, after a message, where no formats do;
/// ExitUnsupported where no kernel reads a candidate. What there is to say about formats is left to the quant stage, which comes next.
int fitSize(mlir::ModuleOp module, CompilerOptions &budget, const TargetInfo &target, PassRunner &runner);

} // namespace qcc
#endif
