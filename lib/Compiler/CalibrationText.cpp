#include "lib/Compiler/CalibrationText.h"
#include "lib/Compiler/Library.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Compiler/Options.h"
#include "llvm/ADT/ScopeExit.h"
#include "tools/common/Tokens.h"
using namespace mlir;
using namespace qcc;

static int64_t vocabularyOf(ModuleOp module) {
  auto attribute = module->getAttrOfType<IntegerAttr>("qnt.vocabulary");
  return attribute ? attribute.getInt() : 0;
}

int qcc::readCalibrationText(const CompilerOptions &options, ModuleOp model, CalibrationText &text) {
  int64_t vocabulary = vocabularyOf(model);
  Tokens tokens;
  char error[512];
  if (int code = tokens_read(options.calibration.c_str(), &tokens, error, sizeof error))
    return complain(code, Twine(error) + " [calibration-text]\n  note: python -m qcc.tokenize makes token ids of a text");
  llvm::scope_exit release([&] { free(tokens.ids); });
  int64_t total = tokens.batch * tokens.count;
  text.length = options.calibrationLength;
  text.windows = std::min(total / text.length, options.calibrationSamples);
  if (!text.windows)
    return complain(ExitInput, options.calibration + ": has " + Twine(total) + " tokens, fewer than one window of " + Twine(text.length) + " (--calib-length) [calibration-text]");
  for (int64_t i = 0; i < text.windows * text.length; ++i)
    if (tokens.ids[i] < 0 || (vocabulary && tokens.ids[i] >= vocabulary))
      return complain(ExitInput, options.calibration + ": token " + Twine(tokens.ids[i]) + " at index " + Twine(i) + " is not in the model's vocabulary, [0, " + Twine(vocabulary) +
                                     ") [calibration-text]");
  text.tokens.assign(tokens.ids, tokens.ids + text.windows * text.length);
  return ExitSuccess;
}
