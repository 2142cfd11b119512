// Keeps what plugins and --pass-at attach to the pipeline.
#include "qcc/Compiler/ExtensionPoints.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"
#include <vector>
using namespace qcc;
using llvm::StringRef;

static constexpr ExtensionPoint points[] = {
    {"onnx-end", "the checked mirror of the file, before anything is recognised"},
    {"graph-end", "the model as qnt operations on float weights"},
    {"quant-end", "formats are decided, nothing is packed"},
    {"kernel-end", "regions, buffers and kernels, before LLVM"},
};

namespace {
struct Attached {
  std::string point;
  std::function<void(mlir::OpPassManager &)> build;
};
// Plugins attach while they are loaded, before any pipeline object exists, so the list belongs to the process.
std::vector<Attached> &attached() {
  static std::vector<Attached> list;
  return list;
}
} // namespace

llvm::ArrayRef<ExtensionPoint> qcc::extensionPoints() { return points; }

static llvm::Error checkPoint(StringRef point) {
  std::string names;
  for (const ExtensionPoint &known : points) {
    if (known.name == point)
      return llvm::Error::success();
    names += (names.empty() ? "" : ", ") + known.name.str();
  }
  return llvm::createStringError("'" + point + "' is no extension point; there are " + names);
}

llvm::Error qcc::addAtExtensionPoint(StringRef point, std::function<void(mlir::OpPassManager &)> build) {
  if (llvm::Error error = checkPoint(point))
    return error;
  attached().push_back({point.str(), std::move(build)});
  return llvm::Error::success();
}

llvm::Error qcc::addAtExtensionPoint(StringRef pointAndPipeline) {
  auto [point, pipeline] = pointAndPipeline.split(':');
  if (pipeline.empty())
    return llvm::createStringError("'" + pointAndPipeline + "' is not of the form point:passes");
  if (llvm::Error error = checkPoint(point))
    return error;
  mlir::OpPassManager probe("builtin.module");
  std::string why;
  llvm::raw_string_ostream stream(why);
  if (failed(mlir::parsePassPipeline(pipeline, probe, stream)))
    return llvm::createStringError("cannot run '" + pipeline + "': " + StringRef(why).split('\n').first);
  return addAtExtensionPoint(point, [text = pipeline.str()](mlir::OpPassManager &pm) { (void)mlir::parsePassPipeline(text, pm); });
}

void qcc::runExtensions(StringRef point, mlir::OpPassManager &pm) {
  for (const Attached &extension : attached())
    if (extension.point == point)
      extension.build(pm);
}
