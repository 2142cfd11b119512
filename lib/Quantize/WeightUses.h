// Who reads a declared weight, seen through calls of outlined layers.
#ifndef QCC_LIB_QUANTIZE_WEIGHTUSES_H
#define QCC_LIB_QUANTIZE_WEIGHTUSES_H
#include "dialects/Quant/Quant.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

namespace qcc {
struct WeightUse {
  bool matmul = false;  // the weight of a qnt.matmul
  bool gather = false;  // the table of a qnt.gather
  bool other = false;   // anything else: its type must stay
  /// Products of the generic path that read it: no linear layer was found there.
  llvm::SmallVector<mlir::Operation *, 1> products;
  bool head = false;    // a matmul whose result leaves the program, or that has a row per word of the vocabulary
};

/// Every declaration of the module in order, used or not.
llvm::MapVector<mlir::Operation *, WeightUse> findWeightUses(mlir::ModuleOp module);
} // namespace qcc
#endif
