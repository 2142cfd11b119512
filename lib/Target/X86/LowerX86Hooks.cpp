// The lowering of hooks as a pass, for tests and for looking at it.
#include "lib/Target/X86/X86.h"
#include "qcc/Target/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_LOWERX86HOOKS
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
/// The x86 target without its patterns.
struct Generic : Target {
  std::vector<TargetInfo> presets() const override { return {}; }
  llvm::Error refine(TargetInfo &, StringRef, StringRef) const override { return llvm::Error::success(); }
  void populateHookPatterns(RewritePatternSet &, const TargetVersion &) const override {}
};

struct LowerX86HooksPass : qcc::impl::LowerX86HooksBase<LowerX86HooksPass> {
  using LowerX86HooksBase::LowerX86HooksBase;
  void runOnOperation() override {
    TargetVersion generic;
    generic.name = "generic";
    if (version == generic.name) {
      if (failed(lowerHooks(getOperation(), Generic(), generic)))
        signalPassFailure();
      return;
    }
    for (const TargetInfo &preset : getX86Target().presets())
      for (const TargetVersion &known : preset.versions)
        if (known.name == version) {
          if (failed(lowerHooks(getOperation(), getX86Target(), known)))
            signalPassFailure();
          return;
        }
    getOperation()->emitError() << "no x86 preset has a version '" << version << "'";
    signalPassFailure();
  }
};
} // namespace
