// The texts that calibration and evaluation read: windows of token ids.
#ifndef QCC_LIB_COMPILER_CALIBRATIONTEXT_H
#define QCC_LIB_COMPILER_CALIBRATIONTEXT_H
#include "qcc/Compiler/Options.h"
#include "mlir/IR/BuiltinOps.h"
#include <vector>
namespace qcc {

/// Windows of tokens, all of one length, each read from its own beginning.
struct CalibrationText {
  int64_t windows = 0, length = 0;
  std::vector<int64_t> tokens;            // [windows][length]
};

/// Where windows come from: an option's file, how many at most, and the tokens of each.
struct TextRequest {
  std::string file;
  int64_t windows, length;
  llvm::StringRef lengthOption;           // " (--calib-length)": what would make them shorter; may be empty
  llvm::StringRef tag;                    // of messages
};

/// The first windows of a text; what is left over is not used. An .npy file holds token ids; any other file is UTF-8 text, which
/// `python -m qcc.tokenize` turns into ids with `options.tokenizer`. Ids are below the vocabulary of `model`, if it says one.
/// An exit code, after a message that names the file.
int readText(const TextRequest &request, const CompilerOptions &options, mlir::ModuleOp model, CalibrationText &text);

/// The first `options.calibrationSamples` windows of `options.calibration`.
int readCalibrationText(const CompilerOptions &options, mlir::ModuleOp model, CalibrationText &text);

} // namespace qcc
#endif
