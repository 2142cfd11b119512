// Named places in the pipeline where other people's passes run.
//
// A pass plugin (--load-pass-plugin) registers its passes with MLIR as usual, and may attach them itself:
//   qcc::addAtExtensionPoint("graph-end", [](mlir::OpPassManager &pm) { pm.addPass(createCountMatmuls()); });
// or leaves it to the user: qcc model.onnx --load-pass-plugin=p.so --pass-at=graph-end:count-matmuls
#ifndef QCC_COMPILER_EXTENSIONPOINTS_H
#define QCC_COMPILER_EXTENSIONPOINTS_H
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
namespace mlir {
class OpPassManager;
} // namespace mlir
namespace qcc {

/// The version of this interface, raised when what is declared here or what plugins may rely on in a program at a point changes.
constexpr unsigned kExtensionInterfaceVersion = 1;
/// Which one a library was built for: every plugin that includes this header has it, and qcc refuses another one. One that does not include it uses MLIR
/// alone, whose version MLIR checks.
extern "C" inline __attribute__((used, visibility("default"))) unsigned qccExtensionInterface() { return kExtensionInterfaceVersion; }

struct ExtensionPoint {
  llvm::StringRef name, description;
};
/// All points, in the order in which they run.
llvm::ArrayRef<ExtensionPoint> extensionPoints();

/// Adds to the pipelines that are built from now on. An unknown point is an error that names the known ones.
llvm::Error addAtExtensionPoint(llvm::StringRef point, std::function<void(mlir::OpPassManager &)> build);
/// `pointAndPipeline` is "point:textual pipeline", as after --pass-at=.
llvm::Error addAtExtensionPoint(llvm::StringRef pointAndPipeline);

/// For Pipelines.cpp: adds what was attached at `point`.
void runExtensions(llvm::StringRef point, mlir::OpPassManager &pm);

} // namespace qcc
#endif
