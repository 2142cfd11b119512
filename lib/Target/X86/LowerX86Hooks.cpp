// The lowering of hooks as a pass, for tests and for looking at it.
#include "qcc/Target/Passes.h"
#include "qcc/Target/Target.h"
namespace qcc {
#define GEN_PASS_DEF_LOWERX86HOOKS
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct LowerX86HooksPass : qcc::impl::LowerX86HooksBase<LowerX86HooksPass> {
  using LowerX86HooksBase::LowerX86HooksBase;
  void getDependentDialects(DialectRegistry &registry) const override {
    LowerX86HooksBase::getDependentDialects(registry);
    getX86Target().registerDialects(registry);
  }
  void runOnOperation() override {
    if (failed(lowerHooks(getOperation(), getX86Target(), version.getValue())))
      signalPassFailure();
  }
};
} // namespace
