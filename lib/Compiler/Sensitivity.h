// What each candidate format of each layer weight would cost the model, for assign-precision.
#ifndef QCC_LIB_COMPILER_SENSITIVITY_H
#define QCC_LIB_COMPILER_SENSITIVITY_H
#include "qcc/Base/SourceFiles.h"
#include "qcc/Compiler/Options.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
namespace qcc {
class CalibrationInput;
class PassRunner;
class Phases;

struct SensitivityJob {
  mlir::ModuleOp module;                    // no format decided yet; gets the attributes
  mlir::OwningOpRef<mlir::ModuleOp> graph;  // the same program as the graph stage leaves it; null: no calibration text
  const SourceFiles &sources;
  const CompilerOptions &options;
  CalibrationInput &input;
  double bpw;                               // bits per layer weight, about what is aimed at
  PassRunner &runner;
  Phases &phases;
};
/// Writes `qnt.sensitivity` on every layer weight whose format can be chosen. Without a text an error is what rounding changes of the weight, relative to
/// the weight, times its number of weights. With one it is KL divergence of predictions: of the model in which this weight alone is quantized by the method of --algo, at about `bpw` bits
/// and, where errors are large, at a bit less; other formats by the errors of outputs that are expected of them. A model without a head has relative errors of outputs instead,
/// as with --sensitivity=hessian. An exit code, after a message.
int measureSensitivity(SensitivityJob job);
} // namespace qcc
#endif
