// LLVM's names of the CPUs and instruction sets of one architecture, and what of them an artifact can look for when it is loaded. The part of
// `--mcpu` and `--mattr` that is the same for every target; a target says what is in its tables and derives its facts from the outcome.
#ifndef QCC_TARGET_INSTRUCTIONSETS_H
#define QCC_TARGET_INSTRUCTIONSETS_H
#include "qcc/Base/TargetInfo.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <memory>
namespace llvm {
class MCSubtargetInfo;
} // namespace llvm
namespace qcc {

struct InstructionSets {
  struct Feature {
    const char *name;            // LLVM's
    uint64_t bit;                // of qcc/Runtime/Features.h
  };
  struct Level {
    const char *cpu;             // LLVM's name of a set of features without a schedule of its own
    uint64_t bits;               // that it is made of
  };
  const char *triple;
  llvm::ArrayRef<Feature> features;
  llvm::ArrayRef<Level> levels;  // best first; the last one needs nothing
  const char *baseCpu;           // what every version may use
  /// Whether a feature stands for instructions; others tell LLVM what is fast.
  bool (*isInstructions)(llvm::StringRef feature);

  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(llvm::StringRef cpu, llvm::StringRef attributes) const;
  /// The bits of what `subtarget` has.
  uint64_t checkable(const llvm::MCSubtargetInfo &subtarget) const;
  /// Sets `cpu` and `features` to those instructions of `cpu` with `attributes` that the runtime can look for: code that used others would start on
  /// machines that lack them. The CPU's name decides how they are scheduled.
  void setInstructions(TargetVersion &version, llvm::StringRef cpu, llvm::StringRef attributes) const;
  /// setInstructions for the machine that this process runs on.
  void setHostInstructions(TargetVersion &version) const;
  /// Applies `--mcpu` and `--mattr` to every version; `derive` then computes its facts anew. Versions that lost what set them apart from another are
  /// dropped. An error names what is unknown, with the closest name, or what no artifact can look for.
  llvm::Error refine(TargetInfo &info, llvm::StringRef cpu, llvm::StringRef attributes, llvm::function_ref<void(TargetVersion &)> derive) const;

private:
  llvm::Error checkNames(llvm::StringRef target, llvm::StringRef cpu, llvm::StringRef attributes) const;
};
} // namespace qcc
#endif
