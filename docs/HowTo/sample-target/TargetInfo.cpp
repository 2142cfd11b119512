// The least that a target is: RISC-V with what every application processor has, and all hooks lowered the generic way. As lib/Target/RISCV, with a line
// in include/qcc/Target/AllTargets.def, it makes `qcc --target=riscv64 --emit=obj` work; docs/HowTo/add-a-target.md says what comes next.
//
// RV64GC and Zfhmin (RISC-V Instruction Set Manual, volume I), by which scales of 16 bits become f32: without it LLVM would call a function of the
// compiler's library. There are no vector registers; LLVM takes vectors of four numbers apart, and 32 scalar registers hold eight of them.
#include "qcc/Target/InstructionSets.h"
#include "qcc/Target/Target.h"
using namespace qcc;

namespace {
constexpr const char *triple = "riscv64-unknown-linux-gnu", *instructions = "+m,+a,+f,+d,+c,+zfhmin";
constexpr unsigned lanes = 4;

// Nothing beyond these instructions has a bit in include/qcc/Runtime/Features.h yet, so --mattr refuses all others.
constexpr InstructionSets::Level levels[] = {{"generic-rv64", 0}};
constexpr InstructionSets sets = {triple, {}, levels, "generic-rv64", [](llvm::StringRef) { return true; }};

class RISCVTarget : public Target {
public:
  std::vector<TargetInfo> presets() const override {
    TargetVersion version;
    version.name = "rv64gc";
    version.cpu = "generic-rv64";
    derive(version);
    return {{"riscv64", triple, "any 64-bit RISC-V with conversions of f16", lanes, {version}}};
  }
  llvm::Error refine(TargetInfo &info, llvm::StringRef cpu, llvm::StringRef attributes) const override { return sets.refine(info, cpu, attributes, derive); }
  void populateHookPatterns(mlir::RewritePatternSet &patterns, const TargetVersion &version) const override {}

private:
  static void derive(TargetVersion &version) {
    version.features = instructions;
    version.vectorBits = 32 * lanes;
    version.numVectorRegisters = 8;
  }
};
} // namespace

const Target &qcc::getRISCVTarget() {
  static const RISCVTarget target;
  return target;
}
