// x86-64: presets, and the facts that follow from LLVM's CPU and feature names.
//
// Registers: AVX2 16 of 256 bits (8 i32 lanes), AVX-512 32 of 512 bits (16 lanes). Skylake-X and later servers have F, BW, CD, DQ, VL
// (x86-64-v4); VNNI (u8*s8 dot products) since Cascade Lake and Zen 4; AMX tiles since Sapphire Rapids. Intel SDM vol. 1, chapters 14,
// 15, 18; x86-64 psABI levels v3 and v4. L1d is 32 KB on Skylake-X and Zen 4, 48 KB on Sapphire Rapids and Zen 5: 32 KB is assumed.
#include "lib/Target/X86/X86.h"
#include "qcc/Runtime/Features.h"
#include "qcc/Target/InstructionSets.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"
using namespace qcc;

namespace {
constexpr const char *triple = "x86_64-unknown-linux-gnu";

// LLVM's feature names that the runtime can look for.
constexpr InstructionSets::Feature featureBits[] = {
    {"avx2", QCC_CPU_AVX2},           {"fma", QCC_CPU_FMA},               {"f16c", QCC_CPU_F16C},         {"bmi", QCC_CPU_BMI},
    {"bmi2", QCC_CPU_BMI2},           {"lzcnt", QCC_CPU_LZCNT},           {"movbe", QCC_CPU_MOVBE},       {"avx512f", QCC_CPU_AVX512F},
    {"avx512bw", QCC_CPU_AVX512BW},   {"avx512cd", QCC_CPU_AVX512CD},     {"avx512dq", QCC_CPU_AVX512DQ}, {"avx512vl", QCC_CPU_AVX512VL},
    {"avx512vnni", QCC_CPU_AVX512VNNI}, {"avx512bf16", QCC_CPU_AVX512BF16}, {"avx512vbmi", QCC_CPU_AVX512VBMI}, {"avx512fp16", QCC_CPU_AVX512FP16},
    {"avxvnni", QCC_CPU_AVXVNNI},     {"gfni", QCC_CPU_GFNI},             {"amx-tile", QCC_CPU_AMX_TILE}, {"amx-int8", QCC_CPU_AMX_INT8},
    {"amx-bf16", QCC_CPU_AMX_BF16}};

// name, -mcpu, -mattr of the versions a preset may have.
struct VersionName {
  const char *name, *cpu, *features;
};
constexpr VersionName avx2 = {"avx2", "x86-64-v3", ""}, avxvnni = {"avxvnni", "x86-64-v3", "+avxvnni"}, avx512 = {"avx512", "x86-64-v4", ""},
                      avx512vnni = {"avx512vnni", "x86-64-v4", "+avx512vnni"},
                      amx = {"amx", "x86-64-v4", "+avx512vnni,+avx512vbmi,+avx512bf16,+amx-tile,+amx-int8,+amx-bf16"};

constexpr InstructionSets::Level levels[] = {{"x86-64-v4", QCC_CPU_X86_64_V4}, {"x86-64-v3", QCC_CPU_X86_64_V3}, {"x86-64", 0}};

bool isInstructions(llvm::StringRef feature) {
  llvm::SmallVector<llvm::StringRef> cpus;
  llvm::X86::fillValidCPUArchList(cpus, /*Only64Bit=*/true);
  return llvm::any_of(cpus, [&](llvm::StringRef cpu) {
    llvm::SmallVector<llvm::StringRef> features;
    llvm::X86::getFeaturesForCPU(cpu, features);
    return llvm::is_contained(features, feature);
  });
}

constexpr InstructionSets sets = {triple, featureBits, levels, "x86-64-v3", isInstructions};

TargetVersion describe(const VersionName &names) {
  TargetVersion version;
  version.name = names.name;
  version.cpu = names.cpu;
  version.features = names.features;
  return version;
}

// Facts from names: everything but name, cpu, features and tuning is computed.
void derive(TargetVersion &version) {
  std::unique_ptr<llvm::MCSubtargetInfo> info = sets.subtarget(version.cpu, version.features);
  auto has = [&](llvm::StringRef feature) { return info->checkFeatures(("+" + feature).str()); };
  bool wide = has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl");
  version.vectorBits = wide ? 512 : 256;
  version.numVectorRegisters = wide ? 32 : 16;
  version.dot4 = wide ? has("avx512vnni") : has("avxvnni");
  version.tileInt8 = has("amx-tile") && has("amx-int8");
  version.minOptLevel = has("amx-tile") ? 1 : 0;       // without optimizing, LLVM configures tiles at each use
  version.tileBf16 = has("amx-tile") && has("amx-bf16");
  version.selects16Floats = wide;                      // vpermps
  version.oddRows = wide;                              // tiles gain 3 to 25 %, VNNI 1 %
  version.runtimeFeatures = sets.checkable(*info);
  llvm::erase_if(version.functionAttributes, [](const auto &attribute) { return attribute.first == "prefer-vector-width"; });
  version.functionAttributes.push_back({"prefer-vector-width", std::to_string(version.vectorBits)});  // kernels choose their width themselves
}

TargetInfo preset(const char *name, const char *description, unsigned lanes, llvm::ArrayRef<VersionName> versions) {
  TargetInfo info{name, triple, description, lanes, {}};
  for (const VersionName &v : versions) {
    info.versions.push_back(describe(v));
    derive(info.versions.back());
  }
  return info;
}

class X86Target : public Target {
public:
  std::vector<TargetInfo> presets() const override {
    return {preset("x86-avx2", "any x86-64 since 2013 (Haswell, Zen)", 8, {avxvnni, avx2}),
            preset("x86-avx512", "any AVX-512 server (Skylake-X, Zen 4)", 16, {amx, avx512vnni, avx512}),
            preset("x86-avx512vnni", "AVX-512 with VNNI (Cascade Lake, Zen 4)", 16, {amx, avx512vnni}),
            preset("x86-amx", "AVX-512 with AMX tiles (Sapphire Rapids)", 16, {amx})};
  }

  std::optional<TargetInfo> host() const override {
    if (!llvm::Triple(llvm::sys::getDefaultTargetTriple()).isX86_64())
      return std::nullopt;
    TargetVersion version;
    sets.setHostInstructions(version);
    derive(version);
    if ((version.runtimeFeatures & QCC_CPU_X86_64_V3) != QCC_CPU_X86_64_V3)
      return std::nullopt;
    bool wide = version.vectorBits == 512;
    version.name = version.tileInt8 ? amx.name : wide ? (version.dot4 ? avx512vnni.name : avx512.name) : version.dot4 ? avxvnni.name : avx2.name;
    return TargetInfo{"host", triple, "this machine", wide ? 16u : 8u, {version}};
  }

  llvm::Error refine(TargetInfo &info, llvm::StringRef cpu, llvm::StringRef attributes) const override {
    if (llvm::Error error = sets.refine(info, cpu, attributes, derive))
      return error;
    // One without registers for the panel cannot read the weights.
    for (const TargetVersion &version : info.versions)
      if (version.vectorBits < info.panelLanes * 32 || (version.runtimeFeatures & QCC_CPU_X86_64_V3) != QCC_CPU_X86_64_V3)
        return llvm::createStringError("target '" + info.name + "' needs " + (info.panelLanes == 16 ? "AVX-512 F, BW, DQ and VL" : "x86-64-v3") +
                                       ", which --mcpu or --mattr take away");
    return llvm::Error::success();
  }

  void registerDialects(mlir::DialectRegistry &registry) const override { registry.insert<mlir::LLVM::LLVMDialect, mlir::amx::AMXDialect>(); }
  mlir::Type tileRegister(mlir::Type tile, const TargetVersion &version) const override { return x86::tileRegister(tile, version); }
  void populateHookPatterns(mlir::RewritePatternSet &patterns, const TargetVersion &version) const override { x86::populateHookPatterns(patterns, version); }
};
} // namespace

const Target &qcc::getX86Target() {
  static const X86Target target;
  return target;
}
