// The compiler as a function: from options to files.
#ifndef QCC_COMPILER_DRIVER_H
#define QCC_COMPILER_DRIVER_H
namespace qcc {
struct CompilerOptions;
/// Compiles, writes what was asked for, prints diagnostics to standard error. Returns an ExitCode.
int runCompiler(const CompilerOptions &options);
} // namespace qcc
#endif
