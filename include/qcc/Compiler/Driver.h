// The compiler as a function: from options to files.
#ifndef QCC_COMPILER_DRIVER_H
#define QCC_COMPILER_DRIVER_H
namespace qcc {
struct CompilerOptions;
/// Compiles, writes what was asked for, prints diagnostics to standard error. Returns an ExitCode.
int runCompiler(const CompilerOptions &options);

/// Sets up how the process ends when it crashes (a signal, a failed assertion): temporary files are removed, a message names what was being done
/// and how to see it again, exit code 70. When memory is exhausted: exit code 8. `argv` is repeated in the message. Call once, first.
void handleCrashes(int argc, const char *const *argv);
} // namespace qcc
#endif
