// What a program with taps shows, in order: the calls of its functions followed as they run.
#ifndef QCC_LIB_COMPILER_TAPLABELS_H
#define QCC_LIB_COMPILER_TAPLABELS_H
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>
namespace qcc {

struct TapLabel {
  /// What a matmul reads (computed by what lies between matmuls: norms, attention, ...), what it computes; what a layer computes; a result of the program.
  enum Kind { Input, Product, Layer, Result } kind;
  std::string name;                  // the matmul's weight; what the names of a layer's weights have in common; name of the output
  std::string section;               // of the weights file, of the matmul's weight
  bool isInteger = false;            // of a product: of integer activations, so every bit is determined
  int64_t terms = 0;                 // of a product: that are summed, K
  bool operator==(const TapLabel &other) const { return kind == other.kind && name == other.name && section == other.section; }
};

/// Of every value that one call of `@main` shows, in that order. `module`: before the kernel stage; `layers`: its taps are at layers.
std::vector<TapLabel> labelTaps(mlir::ModuleOp module, bool layers);

} // namespace qcc
#endif
