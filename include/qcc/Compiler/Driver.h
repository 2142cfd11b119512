// The compiler as a function: from options to files.
#ifndef QCC_COMPILER_DRIVER_H
#define QCC_COMPILER_DRIVER_H
#include "llvm/ADT/ArrayRef.h"
#include <vector>
namespace qcc {
struct CompilerOptions;
/// Compiles, writes what was asked for, prints diagnostics to standard error. Returns an ExitCode.
int runCompiler(const CompilerOptions &options);

/// Signals by which people stop a program that this process was started to ignore, as a shell does for what runs in the background. Call before
/// LLVM sets up its own handlers.
std::vector<int> ignoredInterrupts();
/// Sets up how the process ends when it is stopped: temporary files are removed. Also when it crashes (a signal, a failed assertion), after a message
/// that names what was being done and how to see it again (`argv`), with exit code 70; when memory is exhausted, with exit code 8. Call once, after
/// LLVM has set up its own handlers.
void handleSignals(int argc, const char *const *argv, llvm::ArrayRef<int> ignored);
} // namespace qcc
#endif
