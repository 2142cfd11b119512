// The end of the quant stage that moves bytes: streams every weight from the input files through its format's encoder and the target's
// packer into the weights file, one piece at a time. Memory stays near the largest tensor (mapped, not copied) plus a few megabytes.
#ifndef QCC_QUANTIZE_WEIGHTPIPELINE_H
#define QCC_QUANTIZE_WEIGHTPIPELINE_H
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Quantize/EncodedWeights.h"
#include "qcc/Quantize/WeightErrors.h"
#include "mlir/IR/BuiltinOps.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Base/SourceFiles.h"
#include "llvm/Support/Error.h"
#include <functional>

namespace qcc {
/// How one weight lies in the weights file: `ceil(rows / rowsPerPanel)` panels of `panelBytes` bytes each, then its numbers (qnt::packNumbers).
struct WeightPacking {
  int64_t rowsPerPanel = 1, panelBytes = 0;
  int64_t numbersBytes = 0;          // 0: it has none
  /// Writes all bytes of the panels that hold `rows` (whole panels, except that the weight's last one may be short). Called from several threads.
  std::function<void(const qnt::QuantizedRows &rows, uint8_t *out)> pack;
  int64_t bytes(int64_t rows) const { return (rows + rowsPerPanel - 1) / rowsPerPanel * panelBytes + numbersBytes; }
};
/// The packing of a declaration; fails after a diagnostic. The kernel stage knows it.
using PackingPlan = llvm::function_ref<llvm::FailureOr<WeightPacking>(qnt::WeightDeclOp)>;

/// Where packed weights go, in order.
class WeightSink {
public:
  virtual ~WeightSink() = default;
  /// Starts the weight declared as `symbol`, named `name` in messages and tools, of `bytes` bytes; returns its offset in the data region,
  /// a multiple of 64.
  virtual llvm::Expected<int64_t> begin(llvm::StringRef symbol, llvm::StringRef name, int64_t bytes) = 0;
  virtual llvm::Error append(llvm::ArrayRef<uint8_t> bytes) = 0;
  /// Ends the weight; as many bytes as announced were appended.
  virtual llvm::Error end() = 0;
};

/// Writes every weight of `module` that has a value, in module order. Where a declaration already has an `offset` it must be the sink's;
/// else it is set. The bytes depend only on the input and the formats, not on the number of threads (llvm::parallel::strategy).
/// After a diagnostic at the declaration: ExitQuantization for values that cannot be encoded (NaN, infinity; names tensor, node and index),
/// ExitMalformed for parts that contradict their type, ExitResource when the sink fails.
/// `encoded`: codes that a method has chosen; every other weight is encoded by its format. May be null.
/// `errors`: what encoding loses of float weights, summed in an order that does not depend on threads either. Null: not measured, which saves decoding.
ExitCode materializeWeights(mlir::ModuleOp module, const SourceFiles &sources, PackingPlan plan, WeightSink &sink, const EncodedWeights *encoded = nullptr,
                            WeightErrors *errors = nullptr);

/// All float values of a declared weight, [rows][K]. Fails after a diagnostic, as materializeWeights does; `decl` has no part that arrives quantized.
ExitCode readWeight(qnt::WeightDeclOp decl, const SourceFiles &sources, std::vector<float> &values);

/// Weights that arrive quantized say `scale = f32` when the file stores them so. If every such scale of the module is exactly an f16, they
/// (and the types of functions they reach) become `scale = f16`: the same values in fewer bytes. All or none, so that layers stay alike.
/// Run before formats are assigned. Fails, after a diagnostic, for NaN and infinite scales (ExitQuantization) or bad ranges (ExitMalformed).
ExitCode narrowScales(mlir::ModuleOp module, const SourceFiles &sources);

/// The name of a weight's section in the weights file: its tensors' names joined by '+', or its symbol.
std::string sectionName(qnt::WeightDeclOp decl);
} // namespace qcc
#endif
