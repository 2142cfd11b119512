// LLVM IR, assembly and object code for one version of a target.
#include "qcc/Target/Emit.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>
using namespace qcc;

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> qcc::createTargetMachine(const TargetInfo &target, const TargetVersion &version, unsigned optLevel) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
  });
  std::string why;
  llvm::Triple triple(target.triple);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, why);
  if (!found)
    return llvm::createStringError("target '" + target.name + "': " + why);
  llvm::TargetOptions options;
  // Contraction is decided where kernels are generated (vector.fma), never by the back end: results must not depend on its mood.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(found->createTargetMachine(triple, version.cpu, version.features, options, llvm::Reloc::PIC_, std::nullopt,
                                                                          llvm::CodeGenOptLevel(std::max(optLevel, version.minOptLevel))));
  if (!machine)
    return llvm::createStringError("target '" + target.name + "': LLVM has no code generator for '" + version.cpu + "'");
  return machine;
}

namespace {
struct WithoutStrengthReduction : llvm::OptPassGate {
  bool isEnabled() const override { return true; }
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef) const override { return pass != "Loop Strength Reduction"; }
};
} // namespace

llvm::Expected<std::unique_ptr<llvm::Module>> qcc::translateToLlvmIr(mlir::ModuleOp module, llvm::LLVMContext &context, llvm::TargetMachine &machine,
                                                                      const TargetVersion &version, llvm::ArrayRef<std::string> exported) {
  mlir::DialectRegistry registry;
  mlir::registerAllToLLVMIRTranslations(registry);
  module->getContext()->appendDialectRegistry(registry);
  std::unique_ptr<llvm::Module> result = mlir::translateModuleToLLVMIR(module, context, "qcc");
  if (!result)
    return llvm::createStringError("the program does not translate to LLVM IR");
  static WithoutStrengthReduction gate;                // the code generator's passes ask the context
  if (!version.reduceLoopStrength)
    context.setOptPassGate(gate);
  result->setDataLayout(machine.createDataLayout());
  result->setTargetTriple(machine.getTargetTriple());
  for (llvm::Function &function : *result) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    for (const auto &[name, value] : version.functionAttributes)
      function.addFnAttr(name, value);
    if (version.leastScale)
      function.addFnAttr(llvm::Attribute::getWithVScaleRangeArgs(context, version.leastScale, 16));
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (!llvm::is_contained(exported, function.getName()))
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
    else
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
  }
  return result;
}

void qcc::optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  // Kernels are written as vectors and unrolled by their generator; what is left are short glue loops. (Unrolling those costs a sixth of the time
  // and a tenth of the code, and gains nothing.)
  tuning.LoopInterleaving = false;
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  const llvm::OptimizationLevel levels[] = {llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1, llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::OptimizationLevel level = levels[unsigned(machine.getOptLevel())];
  (level == levels[0] ? builder.buildO0DefaultPipeline(level) : builder.buildPerModuleDefaultPipeline(level)).run(module, modules);
}

static llvm::Error emit(llvm::Module &module, llvm::TargetMachine &machine, llvm::raw_pwrite_stream &out, llvm::CodeGenFileType type) {
  llvm::legacy::PassManager passes;
  passes.add(llvm::createTargetTransformInfoWrapperPass(machine.getTargetIRAnalysis()));
  if (machine.addPassesToEmitFile(passes, out, nullptr, type))
    return llvm::createStringError("LLVM cannot emit this kind of file for " + machine.getTargetTriple().str());
  passes.run(module);
  return llvm::Error::success();
}
llvm::Error qcc::emitAssembly(llvm::Module &module, llvm::TargetMachine &machine, llvm::raw_pwrite_stream &out) { return emit(module, machine, out, llvm::CodeGenFileType::AssemblyFile); }
llvm::Error qcc::emitObject(llvm::Module &module, llvm::TargetMachine &machine, llvm::raw_pwrite_stream &out) { return emit(module, machine, out, llvm::CodeGenFileType::ObjectFile); }
