// NVIDIA GPUs: presets by the generation of the device, compiled to PTX, which the driver translates for the device that it finds.
//
// A warp is 32 threads that run in step (CUDA programming guide, section SIMT architecture): the 32-bit lanes of a register of 1024 bits. What a
// thread keeps of a register is one of its own registers, of which it has 255; kernels are written for at most 16 at a time, so that enough warps
// fit a multiprocessor to hide the latency of memory. PTX of sm_80 runs on every later device; sm_90a's has the Hopper-only instructions and runs
// on compute capability 9.0 alone. PTX 7.0 came with CUDA 11.0 and PTX 8.0 with CUDA 12.0 (PTX ISA, section release
// notes); the runtime calls functions of CUDA 11.4 (lib/Runtime/Cuda.h).
#include "lib/Target/NVPTX/NVPTX.h"
#include "qcc/Target/NVPTX/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
using namespace qcc;

namespace {
constexpr const char *triple = "nvptx64-nvidia-cuda";
constexpr const char *hostTriple = "x86_64-unknown-linux-gnu", *hostCpu = "x86-64";
constexpr unsigned lanes = 32;

TargetInfo preset(const char *name, const char *description, const char *versionName, const char *cpu, const char *features, const DeviceNeeds &needs) {
  TargetVersion version;
  version.name = versionName;
  version.cpu = cpu;
  version.features = features;
  version.vectorBits = 32 * lanes;
  version.numVectorRegisters = 16;
  version.dot4 = true;
  version.l1Bytes = 16 << 10;                          // of a warp: scratch beyond it would leave shared memory to a few warps
  version.l2Bytes = 1 << 20;
  version.teamThreads = 16;                            // warps: with the few blocks of a narrow layer they still keep memory busy
  version.clusterTeams = needs.capability >= 90 ? 8 : 1;  // PTX ISA, section Cluster: 8 blocks on every device that has them
  version.busyThreads = 4096;                          // 32 warps of 64 registers on each of some 130 multiprocessors
  version.repeatColumns = 8192;                        // some 500 teams read it from the L2 cache in about 1 us, as long as a step takes that does nothing
  version.shareColumns = lanes;
  version.shareRows = 32;                              // a few thousand warps share a prompt's rows and columns
  version.shuffles = false;                            // lanes are threads (SpreadLanes)
  version.laneMma = true;                              // PTX ISA, mma.m16n8k32: sm_80
  version.teamMma = needs.capability >= 90 ? 4 : 0;    // PTX ISA, wgmma: four warps
  version.slowConversion = true;                       // CUDA programming guide, arithmetic instructions: 16 a clock, where additions are 128
  version.overlapsSteps = needs.capability >= 90;      // PTX ISA, griddepcontrol
  version.minOptLevel = 1;                             // or vectors of lanes would stay in local memory
  version.device = needs;
  TargetInfo info{name, triple, description, lanes, {version}};
  info.hostTriple = hostTriple;
  info.hostCpu = hostCpu;
  return info;
}

class NVPTXTarget : public Target {
public:
  std::vector<TargetInfo> presets() const override {
    return {preset("nvptx-sm80", "NVIDIA GPUs since 2020 (Ampere and later)", "sm80", "sm_80", "+ptx70", {80, false, 11040}),
            preset("nvptx-sm90", "NVIDIA Hopper (H100, H200)", "sm90", "sm_90a", "+ptx80", {90, true, 12000})};
  }

  llvm::Error refine(TargetInfo &info, llvm::StringRef cpu, llvm::StringRef attributes) const override {
    if (cpu.empty() && attributes.empty())
      return llvm::Error::success();
    return llvm::createStringError("target '" + info.name + "' takes no --mcpu and no --mattr: its name says which device it is for");
  }

  llvm::Expected<std::string> findAssembler() const override {
    llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName("ptxas");
    if (!found)
      return llvm::createStringError("machine code for NVIDIA GPUs is made by ptxas, of the CUDA toolkit, which is not in PATH");
    return *found;
  }

  /// The image ends with a null, the assembler's input without.
  llvm::Error assembleImage(const TargetVersion &version, llvm::StringRef image, llvm::StringRef binary) const override {
    llvm::Expected<std::string> assembler = findAssembler();
    if (!assembler)
      return assembler.takeError();
    std::string source = (image + ".ptx").str(), log = (image + ".log").str(), problem;
    auto text = llvm::MemoryBuffer::getFile(image);
    if (!text)
      return llvm::createStringError(text.getError(), "cannot read '" + image + "': " + text.getError().message());
    std::error_code code;
    llvm::raw_fd_ostream out(source, code);
    if (!code) {
      out << (*text)->getBuffer().drop_back();
      out.close();
      code = out.error();
      out.clear_error();
    }
    if (code)
      return llvm::createStringError(code, "cannot write '" + source + "': " + code.message());
    std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), llvm::StringRef(log), llvm::StringRef(log)};
    llvm::StringRef words[] = {*assembler, "-arch", version.cpu, source, "-o", binary};
    if (llvm::sys::ExecuteAndWait(*assembler, words, std::nullopt, redirects, 0, 0, &problem) == 0)
      return llvm::Error::success();
    if (auto said = llvm::MemoryBuffer::getFile(log); said && problem.empty())
      problem = (*said)->getBuffer().take_front(400).trim().str();
    return llvm::createStringError("'" + *assembler + "' failed: " + problem);
  }

  void registerPasses() const override { registerTargetNVPTXPasses(); }
  void registerDialects(mlir::DialectRegistry &registry) const override { registry.insert<mlir::LLVM::LLVMDialect, mlir::NVVM::NVVMDialect>(); }
  void populateHookPatterns(mlir::RewritePatternSet &patterns, const TargetVersion &version) const override { nvptx::populateHookPatterns(patterns, version); }
  void addStepLowering(mlir::OpPassManager &pm) const override {
    pm.addPass(createLowerSteps());
    addConversionToLlvm(pm);
    pm.addPass(createMarkKernels());
  }
};
} // namespace

const Target &qcc::getNVPTXTarget() {
  static const NVPTXTarget target;
  return target;
}
