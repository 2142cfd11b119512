// What qcc does about its own mistakes: exit code 70, and a file or a command that shows the mistake again.
#ifndef QCC_LIB_COMPILER_INTERNALERRORS_H
#define QCC_LIB_COMPILER_INTERNALERRORS_H
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include <string>
namespace qcc {

/// Gives this thread a stack for the handling of crashes, without which the overflow of its own could not be told. The main thread has one.
void useSignalStack();

/// Names what the compiler is doing, for the message of a crash.
void setCurrentWork(llvm::StringRef what);
/// A folder that a crash, too, removes; "" for none.
void setScratchFolder(llvm::StringRef path);
/// What is being written through a mapping of the file (lld does): a full disk then shows as a signal. "" when it is done.
void setMappedOutput(llvm::StringRef path);

/// A file for `qcc-opt --run-reproducer`: a pipeline and the program as it is before it runs (weights are references, so it is small).
/// Made before the run; while it lives, a crash writes it. One at a time.
class Reproducer {
public:
  /// `plugins` are the options that load the passes of others.
  Reproducer(mlir::PassManager &passes, mlir::ModuleOp module, std::string path, std::string plugins);
  ~Reproducer();
  Reproducer(const Reproducer &) = delete;

  /// Writes the file and says so in a note after the message of the error.
  void write() const;

private:
  std::string path, plugins, text;
};

} // namespace qcc
#endif
