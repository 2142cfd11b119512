// Shared libraries of other people's passes and dialects.
#include "lib/Compiler/Plugins.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Compiler/ExtensionPoints.h"
#include "qcc/Compiler/Options.h"
#include "lib/Compiler/Library.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Support/DynamicLibrary.h"
using namespace mlir;
using namespace qcc;
using llvm::Twine;

/// Of a plugin that is loaded.
static int checkInterface(llvm::StringRef option, const std::string &path) {
  void *symbol = llvm::sys::DynamicLibrary::getPermanentLibrary(path.c_str()).getAddressOfSymbol("qccExtensionInterface");
  unsigned version = symbol ? reinterpret_cast<unsigned (*)()>(symbol)() : kExtensionInterfaceVersion;
  if (version == kExtensionInterfaceVersion)
    return ExitSuccess;
  return complain(ExitUsage, option + ": '" + path + "' was built for version " + Twine(version) + " of qcc's extension interface; this is version " +
                                 Twine(kExtensionInterfaceVersion) + " [bad-option]");
}

int qcc::loadPlugins(const CompilerOptions &options, DialectRegistry &registry) {
  for (const std::string &path : options.dialectPlugins) {
    auto plugin = DialectPlugin::load(path);
    if (!plugin)
      return complain(ExitUsage, "--load-dialect-plugin: " + llvm::toString(plugin.takeError()) + " [bad-option]");
    if (int code = checkInterface("--load-dialect-plugin", path))
      return code;
    plugin->registerDialectRegistryCallbacks(registry);
  }
  for (const std::string &path : options.passPlugins) {
    auto plugin = PassPlugin::load(path);
    if (!plugin)
      return complain(ExitUsage, "--load-pass-plugin: " + llvm::toString(plugin.takeError()) + " [bad-option]");
    if (int code = checkInterface("--load-pass-plugin", path))
      return code;
    plugin->registerPassRegistryCallbacks();
  }
  return ExitSuccess;
}

int qcc::attachPasses(const CompilerOptions &options) {
  for (const std::string &pass : options.extraPasses) {
    if (pass == "list")
      continue;
    if (llvm::Error error = addAtExtensionPoint(pass))
      return complain(ExitUsage, "--pass-at: " + llvm::toString(std::move(error)) + " [bad-option]");
  }
  return ExitSuccess;
}
