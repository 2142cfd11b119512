// What a target is to the compiler: presets of facts, and fast lowerings of the micro-kernel hooks. One object per lib/Target/<T>;
// AllTargets.def lists them, lib/Compiler asks them.
#ifndef QCC_TARGET_TARGET_H
#define QCC_TARGET_TARGET_H
#include "qcc/Base/TargetInfo.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/Error.h"
#include <optional>
namespace qcc {

class Target {
public:
  virtual ~Target() = default;
  /// Presets, best known first. Names are unique over all targets.
  virtual std::vector<TargetInfo> presets() const = 0;
  /// The machine that the compiler runs on, if it is of this target.
  virtual std::optional<TargetInfo> host() const { return std::nullopt; }
  /// Applies `--mcpu` and `--mattr` to a preset of this target. An error names what is unknown, with the closest name, or what is missing.
  virtual llvm::Error refine(TargetInfo &info, llvm::StringRef cpu, llvm::StringRef attributes) const = 0;
  /// Registers passes of its own (include/qcc/Target/<T>/Passes.td), for qcc-opt.
  virtual void registerPasses() const {}
  /// Dialects that the hook patterns create.
  virtual void registerDialects(mlir::DialectRegistry &registry) const {}
  /// The type of a register that holds `tile` (a !qk.tile) on `version`; null where it has no matrix unit. The patterns below produce it.
  virtual mlir::Type tileRegister(mlir::Type tile, const TargetVersion &version) const { return nullptr; }
  /// Patterns for those hooks that `version` has instructions for; what none of them takes goes the generic way.
  virtual void populateHookPatterns(mlir::RewritePatternSet &patterns, const TargetVersion &version) const = 0;
  /// Devices: adds the passes that turn steps (OutlineSteps), hooks already lowered, into kernels in the LLVM dialect. A kernel keeps its step's
  /// name and says in `qk.block` and `qk.scratch_bytes` what Program.h's qcc_kernel tells the runtime.
  virtual void addStepLowering(mlir::OpPassManager &pm) const {}
  /// Devices: the program that makes machine code of what the driver would translate. An error says what is missing.
  virtual llvm::Expected<std::string> findAssembler() const;
  /// Makes it, by that program: reads the image of `version` at the path `image` and writes the file `binary`.
  virtual llvm::Error assembleImage(const TargetVersion &version, llvm::StringRef image, llvm::StringRef binary) const;
};

#define QCC_TARGET(Name) const Target &get##Name##Target();
#include "qcc/Target/AllTargets.def"
llvm::ArrayRef<const Target *> allTargets();

/// The preset called `name` ("host" included) among `targets`, refined; with `multiversion` false only its floor. An error lists the
/// closest names.
llvm::Expected<TargetInfo> findTarget(llvm::ArrayRef<const Target *> targets, llvm::StringRef name, llvm::StringRef cpu, llvm::StringRef attributes,
                                      bool multiversion);
/// The target that findTarget took `info` from.
const Target *targetOf(llvm::ArrayRef<const Target *> targets, const TargetInfo &info);

/// Lowerings of all hooks to vector and arith: their meaning. Benefit 1; a target's own patterns have 2.
void populateGenericHookPatterns(mlir::RewritePatternSet &patterns);
/// Lowers every hook under `root`, by `target`'s patterns first. Fails, with a diagnostic, if one is left.
mlir::LogicalResult lowerHooks(mlir::Operation *root, const Target &target, const TargetVersion &version);

} // namespace qcc
#endif
