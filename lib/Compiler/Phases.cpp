// Lines come with -v, and on a terminal once the compilation takes long enough for someone to wonder.
#include "lib/Compiler/Phases.h"
#include "lib/Compiler/InternalErrors.h"
#include "qcc/Compiler/Options.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
using namespace qcc;

static constexpr std::chrono::seconds patience(3), pause(2);

std::string qcc::timeLeftText(std::chrono::duration<double> sinceFirst, int64_t done, int64_t total) {
  if (done < 2 || done > total)
    return "";
  double seconds = sinceFirst.count() / double(done - 1) * double(total - done + 1);
  if (seconds < 90)
    return "about " + std::to_string(std::max<int64_t>(1, std::llround(seconds))) + " s left";
  return "about " + std::to_string(std::llround(seconds / 60)) + " min left";
}

Phases::Phases(const CompilerOptions &options) : quiet(options.quiet), verbose(options.verbose), terminal(llvm::errs().is_displayed()) {
  mlir::applyDefaultTimingManagerCLOptions(manager);   // --mlir-timing and its form
  if (options.timing)
    manager.setEnabled(true);
  total = manager.getRootScope();
}

Phases::~Phases() {
  current.stop();
  total.stop();
  if (manager.isEnabled())
    manager.print();
}

void Phases::print(const llvm::Twine &line) {
  llvm::errs() << "qcc: " << line << "\n";
  lastLine = Clock::now();
}

void Phases::begin(llvm::StringRef next) {
  name = next.str();
  phaseStart = Clock::now();
  setCurrentWork(name);
  current.stop();
  current = total.nest(name);
  if (!quiet && (verbose || (terminal && Clock::now() - start > patience)))
    print(name);
}

void Phases::step(int64_t done, int64_t of) {
  Clock::time_point now = Clock::now();
  if (quiet || !(verbose || terminal) || now - start <= patience || now - lastLine <= pause)
    return;
  std::string left = timeLeftText(now - phaseStart, done, of);
  print(name + ", " + llvm::Twine(done) + " of " + llvm::Twine(of) + (left.empty() ? "" : ", ") + left);
}
