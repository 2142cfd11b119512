// From the bytes of an ONNX model to the onnx dialect.
#ifndef QCC_FRONTEND_IMPORTONNX_H
#define QCC_FRONTEND_IMPORTONNX_H
#include "qcc/Base/ExitCodes.h"
#include "qcc/Base/SourceFiles.h"
#include "qcc/Frontend/InputShape.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir {
class MLIRContext;
} // namespace mlir

namespace qcc {
/// What a hostile file may cost. The defaults allow every model that protobuf can hold.
struct ImportLimits {
  int64_t fileBytes = (int64_t(1) << 31) - 1;      // protobuf's own limit for a message
  int64_t graphBytes = int64_t(256) << 20;         // what remains of the model once the weights are taken out
  int64_t typedBytes = int64_t(1) << 30;           // weights stored in typed fields, which need a copy
  int64_t nodes = 200000;                          // after functions are expanded; large models have tens of thousands
};

struct ImportOptions {
  /// External data must lie below the model's own folder without following any link (the rule of ONNX's library). Otherwise links are
  /// followed when they stay below the model's folder or the folder of its real path, as in a Hugging Face cache.
  bool strictPaths = false;
  /// Files of external data may be absent: their tensors have shapes and no values (SourceFiles::isAbsent), which is all that a plan needs. Whatever
  /// else is wrong with them is refused as ever, and so are absent values that shapes follow from.
  bool allowAbsentData = false;
  /// Extents of inputs that are fixed, which the file leaves open.
  std::vector<InputShape> shapes;
  ImportLimits limits;
};

struct ImportedModel {
  /// Null when the model was refused. Errors are then emitted on the context, one for every problem.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// The files that the module's `qnt.files` lists; attributes of the module index them.
  std::shared_ptr<SourceFiles> sources;
  /// ExitSuccess, or the code for the gravest problem: malformed, then unsafe or unreadable, then too large, then unsupported,
  /// then shapes that the model cannot have.
  ExitCode code = ExitSuccess;
};

/// Imports the model at `path` ("-": standard input, without external data).
ImportedModel importONNX(llvm::StringRef path, mlir::MLIRContext &context, const ImportOptions &options = {});

/// The same as a function of its arguments only: `model` are the bytes of the file called `name` in messages, `folder` is where external data
/// is looked for (empty: there is none). Never crashes and never exits, whatever the bytes are.
ImportedModel importONNX(std::unique_ptr<llvm::MemoryBuffer> model, llvm::StringRef name, llvm::StringRef folder, mlir::MLIRContext &context,
                         const ImportOptions &options = {});
} // namespace qcc
#endif
