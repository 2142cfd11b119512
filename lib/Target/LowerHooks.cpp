// The lowering of hooks as a pass, for tests and for looking at it.
#include "qcc/Target/Passes.h"
#include "qcc/Target/Target.h"
namespace qcc {
#define GEN_PASS_DEF_LOWERHOOKS
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
/// A target without patterns.
struct Generic : Target {
  std::vector<TargetInfo> presets() const override { return {}; }
  llvm::Error refine(TargetInfo &, StringRef, StringRef) const override { return llvm::Error::success(); }
  void populateHookPatterns(RewritePatternSet &, const TargetVersion &) const override {}
};

struct LowerHooksPass : qcc::impl::LowerHooksBase<LowerHooksPass> {
  using LowerHooksBase::LowerHooksBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    LowerHooksBase::getDependentDialects(registry);
    for (const Target *target : allTargets())
      target->registerDialects(registry);
  }

  void runOnOperation() override {
    if (failed(lower(getOperation())))
      signalPassFailure();
  }

  LogicalResult lower(Operation *root) {
    TargetVersion generic;
    generic.name = "generic";
    if (version == generic.name)
      return lowerHooks(root, Generic(), generic);
    for (const Target *target : allTargets())
      for (const TargetInfo &preset : target->presets())
        for (const TargetVersion &known : preset.versions)
          if (known.name == version)
            return lowerHooks(root, *target, known);
    return root->emitError() << "no preset has a version '" << version << "'";
  }
};
} // namespace
