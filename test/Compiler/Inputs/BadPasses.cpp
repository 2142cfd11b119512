// A plugin with passes that fail in the ways that are the compiler's own mistakes.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"
#include <csignal>
#include <cstdlib>
using namespace mlir;

namespace {
template <typename Derived>
struct Bad : PassWrapper<Derived, OperationPass<>> {
  StringRef getArgument() const final { return Derived::flag; }
  StringRef getName() const final { return Derived::flag; }
};
struct FailSilently : Bad<FailSilently> {
  static constexpr StringLiteral flag = "test-fail-silently";
  void runOnOperation() override { signalPassFailure(); }
};
struct FailLoudly : Bad<FailLoudly> {
  static constexpr StringLiteral flag = "test-fail-loudly";
  void runOnOperation() override {
    getOperation()->emitError("is not to my taste");
    signalPassFailure();
  }
};
/// Takes the terminators of functions away.
struct BreakProgram : Bad<BreakProgram> {
  static constexpr StringLiteral flag = "test-break-program";
  void runOnOperation() override {
    getOperation()->walk([](func::FuncOp function) {
      if (!function.isExternal())
        function.back().back().erase();
    });
  }
};
struct Abort : Bad<Abort> {
  static constexpr StringLiteral flag = "test-abort";
  void runOnOperation() override { std::abort(); }
};
struct Segfault : Bad<Segfault> {
  static constexpr StringLiteral flag = "test-segfault";
  void runOnOperation() override { std::raise(SIGSEGV); }
};
struct OverflowStack : Bad<OverflowStack> {
  static constexpr StringLiteral flag = "test-overflow-stack";
  static int recurse(volatile char *above, int64_t depth) {
    volatile char frame[4096];
    frame[0] = above[0];
    return depth ? recurse(frame, depth - 1) + frame[0] : 0;
  }
  void runOnOperation() override {
    volatile char first = 0;
    first = recurse(&first, int64_t(1) << 40);
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "BadPasses", LLVM_VERSION_STRING, [] {
            PassRegistration<FailSilently>();
            PassRegistration<FailLoudly>();
            PassRegistration<BreakProgram>();
            PassRegistration<Abort>();
            PassRegistration<Segfault>();
            PassRegistration<OverflowStack>();
          }};
}
