// --load-pass-plugin, --load-dialect-plugin, --pass-at.
#ifndef QCC_LIB_COMPILER_PLUGINS_H
#define QCC_LIB_COMPILER_PLUGINS_H
#include "mlir/IR/DialectRegistry.h"
namespace qcc {
struct CompilerOptions;
/// Loads what the options name. Returns ExitUsage after a message where a plugin cannot be loaded or was built for another extension interface.
int loadPlugins(const CompilerOptions &options, mlir::DialectRegistry &registry);
/// Adds passes at the extension points that the options name. Returns ExitUsage after a message where there is no such pass or point.
int attachPasses(const CompilerOptions &options);
} // namespace qcc
#endif
