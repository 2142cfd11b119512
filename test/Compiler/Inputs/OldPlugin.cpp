// A plugin of another version of qcc's extension interface: what the header qcc/Compiler/ExtensionPoints.h had put into it then.
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

extern "C" unsigned qccExtensionInterface() { return 0; }
extern "C" mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "old", LLVM_VERSION_STRING, [] {}};
}
extern "C" mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "old", LLVM_VERSION_STRING, [](mlir::DialectRegistry *) {}};
}
