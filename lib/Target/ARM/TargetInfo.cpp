// 64-bit ARM (AArch64): presets, and the facts that follow from LLVM's feature names.
//
// Registers: 32 of 128 bits (4 i32 lanes), in NEON, which every AArch64 application processor has. Four products of bytes summed into i32 (SDOT,
// UDOT: FEAT_DotProd) since Cortex-A76 and Neoverse N1; products of mixed signs (USDOT) and of 2 x 8 by 8 x 2 bytes (SMMLA, USMMLA: FEAT_I8MM)
// since Neoverse V1 and N2, mandatory from Armv8.6. SVE2 since Neoverse N2 and V2 (Armv9). Arm ARM (DDI 0487), chapter A2; Linux names them in
// Documentation/arch/arm64/elf_hwcaps.rst. L1d is 64 KB on Neoverse and Cortex-A76, 32 KB on Cortex-A72 and A53: 32 KB is assumed.
//
// SVE registers have 128 to 2048 bits. Code for 256 or 512 is right on all machines that have as many or more, so there is a version for each, and their
// panels are 16 columns wide.
#include "lib/Target/ARM/ARM.h"
#include "qcc/Runtime/Features.h"
#include "qcc/Target/InstructionSets.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/TargetParser/AArch64TargetParser.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
using namespace qcc;

namespace {
constexpr const char *triple = "aarch64-unknown-linux-gnu";
constexpr unsigned lanes = 4, longLanes = 16;          // of panels; the latter fill a register of 512 bits

// LLVM's feature names that the runtime can look for.
constexpr InstructionSets::Feature featureBits[] = {{"neon", QCC_CPU_NEON}, {"fullfp16", QCC_CPU_FP16}, {"dotprod", QCC_CPU_DOTPROD}, {"i8mm", QCC_CPU_I8MM},
                                                    {"bf16", QCC_CPU_BF16}, {"sve", QCC_CPU_SVE},       {"sve2", QCC_CPU_SVE2}};
constexpr InstructionSets::Level levels[] = {{"generic", 0}};

bool isInstructions(llvm::StringRef feature) {
  auto isExtension = [&](const llvm::AArch64::ExtensionInfo &extension) { return extension.PosTargetFeature.drop_front(!extension.PosTargetFeature.empty()) == feature; };
  return llvm::any_of(llvm::AArch64::Extensions, isExtension) || llvm::AArch64::ArchInfo::findBySubArch(feature);
}

constexpr InstructionSets sets = {triple, featureBits, levels, "generic", isInstructions};

// What versions are called, LLVM's features that make them, and the processor for which LLVM schedules: the first of those that have the instructions or,
// where these differ, the widest. Scheduled for none, loops that need nearly all registers spill some.
struct VersionName {
  const char *name, *features, *tune;
  unsigned scale = 0;            // TargetVersion::leastScale
};
constexpr VersionName neon = {"neon", "", nullptr}, dotprod = {"dotprod", "+dotprod", "neoverse-n1"}, i8mm = {"i8mm", "+dotprod,+i8mm", "neoverse-v2"},
                      sve2 = {"sve2", "+dotprod,+i8mm,+sve2", "neoverse-v2"}, sve2Of256 = {"sve2_256", sve2.features, sve2.tune, 2},
                      sve2Of512 = {"sve2_512", sve2.features, sve2.tune, 4};

// Facts from features.
void derive(TargetVersion &version) {
  std::unique_ptr<llvm::MCSubtargetInfo> info = sets.subtarget(version.cpu, version.features);
  version.vectorBits = 128 * std::max(1u, version.leastScale);
  version.numVectorRegisters = 32;
  version.runtimeFeatures = sets.checkable(*info);
  version.runtimeFeatures |= (version.leastScale >= 2 ? QCC_CPU_SVE256 : 0) | (version.leastScale >= 4 ? QCC_CPU_SVE512 : 0);
  version.dot4 = version.runtimeFeatures & QCC_CPU_DOTPROD;
  // A panel is three registers wide in long products: its places are multiples of 48 bytes, which an instruction cannot make of a count. By the models, that
  // is worth 5% of them on N1 and 2% on A76, and costs decode 6%. Wider machines with i8mm lose in both.
  version.reduceLoopStrength = version.dot4 && !(version.runtimeFeatures & QCC_CPU_I8MM);
  version.dot4Chains = 4;                              // its accumulator is forwarded after one cycle (Neoverse N1 optimization guide, 3.17)
  version.laneBroadcast = version.rowsTogether = true;
  version.signedDot4 = true;                           // SDOT; SMULL too
  version.slowConversion = true;                       // SCVTF of four lanes keeps one pipe of two or four busy for two cycles
  version.dot8x2 = version.runtimeFeatures & QCC_CPU_I8MM;
  // A load of two registers of 128 bits is three operations on Neoverse N2 and V2, two loads are two (their optimization guides, "load vector pair"). On N1
  // it is the other way round: three and four.
  if (version.dot8x2 && !llvm::StringRef(version.features).contains("slow-paired-128"))
    version.features += ",+slow-paired-128";
  // LLVM has one name for what Linux reports as two: the same products in NEON and in SVE registers.
  if (version.runtimeFeatures & QCC_CPU_SVE)
    version.runtimeFeatures |= (version.runtimeFeatures & QCC_CPU_I8MM ? QCC_CPU_SVEI8MM : 0) | (version.runtimeFeatures & QCC_CPU_BF16 ? QCC_CPU_SVEBF16 : 0);
}

TargetInfo preset(const char *name, const char *description, llvm::ArrayRef<VersionName> versions, unsigned panelLanes = lanes) {
  TargetInfo info{name, triple, description, panelLanes, {}};
  for (const VersionName &v : versions) {
    TargetVersion version;
    version.name = v.name;
    version.cpu = "generic";
    version.features = v.features;
    version.leastScale = v.scale;
    if (v.tune)
      version.functionAttributes.push_back({"tune-cpu", v.tune});
    derive(version);
    info.versions.push_back(version);
  }
  return info;
}

class ARMTarget : public Target {
public:
  std::vector<TargetInfo> presets() const override {
    return {preset("arm", "any 64-bit ARM; dotprod and i8mm where a machine has them", {i8mm, dotprod, neon}),
            preset("arm-neon", "any 64-bit ARM (Cortex-A53, A72)", {neon}),
            preset("arm-dotprod", "dot products of bytes (Cortex-A76, Neoverse N1)", {dotprod}),
            preset("arm-i8mm", "matrix products of bytes (Neoverse V1, N2)", {i8mm}),
            preset("arm-sve2", "SVE2 and i8mm (Neoverse N2, V2; Armv9), the whole of a register", {sve2Of512, sve2Of256, sve2}, longLanes)};
  }

  std::optional<TargetInfo> host() const override {
    if (!llvm::Triple(llvm::sys::getDefaultTargetTriple()).isAArch64())
      return std::nullopt;
    TargetVersion version;
    sets.setHostInstructions(version);
    derive(version);
    auto has = [&](uint64_t bits) { return (version.runtimeFeatures & bits) == bits; };
    if (!has(QCC_CPU_NEON))
      return std::nullopt;
    version.name = has(QCC_CPU_SVE2 | QCC_CPU_I8MM) ? sve2.name : has(QCC_CPU_I8MM) ? i8mm.name : version.dot4 ? dotprod.name : neon.name;
    return TargetInfo{"host", triple, "this machine", lanes, {version}};
  }

  llvm::Error refine(TargetInfo &info, llvm::StringRef cpu, llvm::StringRef attributes) const override {
    if (llvm::Error error = sets.refine(info, cpu, attributes, derive))
      return error;
    for (const TargetVersion &version : info.versions)
      if (!(version.runtimeFeatures & QCC_CPU_NEON))
        return llvm::createStringError("target '" + info.name + "' needs NEON, which --mcpu or --mattr take away");
    return llvm::Error::success();
  }

  void registerDialects(mlir::DialectRegistry &registry) const override { registry.insert<mlir::LLVM::LLVMDialect>(); }
  void populateHookPatterns(mlir::RewritePatternSet &patterns, const TargetVersion &version) const override { arm::populateHookPatterns(patterns, version); }
};
} // namespace

const Target &qcc::getARMTarget() {
  static const ARMTarget target;
  return target;
}
