// LLVM has --debug-only where it was built with assertions; its packages were not. Whether LDBG() prints is up to this build alone.
#include "qcc/Compiler/Registration.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Debug.h"
#include <string>
#include <vector>

void qcc::registerDebugOptions() {
#ifndef NDEBUG
  if (llvm::cl::getRegisteredOptions().contains("debug-only"))
    return;
  auto show = [](const std::string &type) {
    static std::vector<std::string> types;
    types.push_back(type);
    std::vector<const char *> names;
    for (const std::string &one : types)
      names.push_back(one.c_str());
    llvm::setCurrentDebugTypes(names.data(), unsigned(names.size()));
    llvm::DebugFlag = true;
  };
  static llvm::cl::list<std::string> only("debug-only", llvm::cl::desc("Print what these passes say of themselves: why something almost matched, ..."),
                                          llvm::cl::value_desc("pass"), llvm::cl::CommaSeparated, llvm::cl::Hidden, llvm::cl::callback(show));
#endif
}
