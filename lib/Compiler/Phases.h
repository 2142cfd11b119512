// What the compiler is doing, for people who wait: lines on standard error, and the times of --timing.
#ifndef QCC_LIB_COMPILER_PHASES_H
#define QCC_LIB_COMPILER_PHASES_H
#include "mlir/Support/Timing.h"
#include <chrono>
#include <string>
namespace qcc {
struct CompilerOptions;

/// "about 40 s left", if what is left of `total` parts takes as long for each as those before part `done` have; nothing where there are none.
std::string timeLeftText(std::chrono::duration<double> sinceFirst, int64_t done, int64_t total);

class Phases {
public:
  explicit Phases(const CompilerOptions &options);
  /// Prints the times, with --timing.
  ~Phases();
  Phases(const Phases &) = delete;

  /// Ends the phase before it. `name` says what is done now: "encoding weights".
  void begin(llvm::StringRef name);
  /// Part `done` of `total` of the phase is being worked on.
  void step(int64_t done, int64_t total);

  /// Where the passes of the current phase add their times; null without --timing.
  mlir::TimingScope *timing() { return manager.isEnabled() ? &current : nullptr; }

private:
  using Clock = std::chrono::steady_clock;
  void print(const llvm::Twine &line);

  bool quiet, verbose, terminal;
  std::string name;
  Clock::time_point start = Clock::now(), lastLine = start, phaseStart = start;
  mlir::DefaultTimingManager manager;
  mlir::TimingScope total, current;
};

} // namespace qcc
#endif
