// A plugin with a dialect that takes any operation.
#include "qcc/Compiler/ExtensionPoints.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "llvm/Config/llvm-config.h"

namespace {
struct ExtraDialect : mlir::Dialect {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExtraDialect)
  explicit ExtraDialect(mlir::MLIRContext *context) : Dialect(getDialectNamespace(), context, mlir::TypeID::get<ExtraDialect>()) { allowUnknownOperations(); }
  static llvm::StringRef getDialectNamespace() { return "extra"; }
};
} // namespace

extern "C" mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "extra-dialect", LLVM_VERSION_STRING, [](mlir::DialectRegistry *registry) { registry->insert<ExtraDialect>(); }};
}
