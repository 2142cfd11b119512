// The text that calibration runs on, as token ids.
#ifndef QCC_LIB_COMPILER_CALIBRATIONTEXT_H
#define QCC_LIB_COMPILER_CALIBRATIONTEXT_H
#include "mlir/IR/BuiltinOps.h"
#include <vector>
namespace qcc {
struct CompilerOptions;

/// Windows of tokens, all of one length, each read from its own beginning.
struct CalibrationText {
  int64_t windows = 0, length = 0;
  std::vector<int64_t> tokens;            // [windows][length]
};

/// The first `options.calibrationSamples` windows of the file; what is left over is not used. An exit code, after a message that names the file.
int readCalibrationText(const CompilerOptions &options, mlir::ModuleOp model, CalibrationText &text);
} // namespace qcc
#endif
