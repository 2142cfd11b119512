// Where scales for the input channels of linear layers can go: into what makes the inputs (AWQ, arXiv 2306.00978; SmoothQuant, arXiv 2211.10438).
#ifndef QCC_QUANTIZE_SCALESITES_H
#define QCC_QUANTIZE_SCALESITES_H
#include "dialects/Quant/Quant.h"
#include "llvm/ADT/MapVector.h"
#include <string>
#include <vector>

namespace qcc {
/// Linear layers that read the same inputs, and the weights whose rows make them: the product stays the same when columns of `readers` are multiplied by
/// scales and rows of `makers` divided by them.
struct ScaleSite {
  struct Maker {
    qnt::WeightDeclOp weight;     // a norm's scale or bias, a linear layer's weight or bias
    int64_t first;                // its row that makes channel 0
  };
  llvm::SmallVector<qnt::WeightDeclOp> readers;  // [N, channels]
  llvm::SmallVector<Maker> makers;
  int64_t channels = 0;
  bool isNorm = false;            // else a linear layer makes the inputs
  // Attention with fewer KV heads than heads: `sharing` heads of `headSize` channels each are made by the same rows, so their scales have to agree.
  int64_t sharing = 1, headSize = 1;

  /// The row, counted from a maker's `first`, that makes input channel `channel`.
  int64_t rowOf(int64_t channel) const { return channel / (headSize * sharing) * headSize + channel % headSize; }
};

struct ScaleSites {
  std::vector<ScaleSite> sites;                               // in program order
  llvm::MapVector<mlir::Operation *, std::string> refused;    // other weights of linear layers, and why their scales can go nowhere
};

/// Looks through calls of outlined layers. A program reads the same before formats are decided and after.
ScaleSites findScaleSites(mlir::ModuleOp module);
} // namespace qcc
#endif
