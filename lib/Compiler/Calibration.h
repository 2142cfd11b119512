// Calibration: text through the float program, codes out. Running programs is this folder's job; what the numbers mean is
// lib/Quantize's.
#ifndef QCC_LIB_COMPILER_CALIBRATION_H
#define QCC_LIB_COMPILER_CALIBRATION_H
#include "lib/Compiler/CalibrationInput.h"
#include "qcc/Base/SourceFiles.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Quantize/EncodedWeights.h"
#include "qcc/Quantize/Method.h"
#include "qcc/Quantize/ScalingMethod.h"
#include "mlir/IR/OwningOpRef.h"
namespace qcc {
class PassRunner;
class Phases;

struct CalibrationJob {
  mlir::OwningOpRef<mlir::ModuleOp> graph;  // as the graph stage leaves it
  mlir::ModuleOp decided;                   // the same weights, formats decided
  const SourceFiles &sources;
  const CompilerOptions &options;
  CalibrationInput &input;
  PassRunner &runner;
  Phases &phases;
};
/// Chooses scales of input channels by `method` wherever they can be folded, and asks for them on the declarations of `job.decided` (`qnt.channel_scales`,
/// see the pass FoldScales). Inputs are those of the float program.
int chooseChannelScales(CalibrationJob job, const ScalingMethod &method);

/// Refuses a method that chooses codes but handles none of the formats that were decided. Reads no weight.
int checkMethod(mlir::ModuleOp decided, const QuantizationMethod &method);

/// Encodes every weight that is to be quantized by `method`, in the order in which the program reads them. Each sees the inputs that weights quantized
/// before it produce: when the program is about to multiply with a weight, its codes are chosen, and the program goes on with their values.
int quantizeInOrder(CalibrationJob job, const QuantizationMethod &method, EncodedWeights &encoded);

/// Encodes every weight that is to be quantized by `method`, without calibration text.
int quantizeWithoutText(mlir::ModuleOp decided, const SourceFiles &sources, Phases &phases, const QuantizationMethod &method, const ParameterValues &parameters,
                        EncodedWeights &encoded);

/// The first `count` tokens of the first window of the text, or what it has.
int readCalibrationSample(const CompilerOptions &options, mlir::ModuleOp module, int64_t count, std::vector<int64_t> &tokens);

} // namespace qcc
#endif
