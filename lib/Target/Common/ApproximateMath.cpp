// Transcendental functions become polynomials, by upstream's approximations.
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "qcc/Target/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct ApproximateMathPass : qcc::impl::ApproximateMathBase<ApproximateMathPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    // What has no polynomial is expressed by functions that have one. roundeven, sqrt, floor and fma are instructions.
    StringRef expanded[] = {"sinh", "cosh", "tan", "asinh", "acosh", "atanh", "powf", "fpowi", "exp2", "rsqrt"};
    math::populateExpansionPatterns(patterns, expanded);
    auto all = [](StringRef) { return true; };
    populateMathF32ExpansionPatterns(patterns, all);
    populateMathPolynomialApproximationPatterns(patterns, all);
    // No control flow comes or goes: looking for it costs more than the patterns.
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
