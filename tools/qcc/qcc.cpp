// qcc: compiles a model. Options and driver are in lib/Compiler.
#include "qcc/Compiler/Driver.h"
#include "qcc/Compiler/Options.h"
#include "llvm/Support/InitLLVM.h"
#include <csignal>

int main(int argc, char **argv) {
  std::vector<int> ignored = qcc::ignoredInterrupts();
  llvm::InitLLVM init(argc, argv);
  qcc::handleSignals(argc, argv, ignored);
  std::signal(SIGXFSZ, SIG_IGN);                       // a write past a size limit is an error like a full disk, not a death
  qcc::ParsedCommandLine line = qcc::parseCommandLine(argc, argv);
  return line.options ? qcc::runCompiler(*line.options) : line.exitCode;
}
