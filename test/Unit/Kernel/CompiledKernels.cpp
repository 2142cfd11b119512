// Kernels -> LLVM dialect -> machine code in this process.
#include "CompiledKernels.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Kernel/Pipeline.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::test;

struct CompiledKernels::Impl {
  MLIRContext context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<ExecutionEngine> engine;
};
CompiledKernels::~CompiledKernels() = default;

bool CompiledKernels::canRun(unsigned lanes) {
  auto features = llvm::sys::getHostCPUFeatures();
  return lanes == 16 ? features["avx512f"] && features["avx512bw"] && features["avx512vl"] && features["avx512dq"] : features["avx2"] && features["fma"] && features["f16c"];
}

// Program ops become arguments at the end: thread, threads, batch, seq, past.
static void passCallAsArguments(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    Type index = IndexType::get(module.getContext());
    Location loc = function.getLoc();
    Block &entry = function.front();
    Value thread = entry.addArgument(index, loc), threads = entry.addArgument(index, loc);
    llvm::StringMap<Value> dims;
    for (const char *name : {"batch", "seq", "past"})
      dims[name] = entry.addArgument(index, loc);
    function.walk([&](Operation *op) {
      Value value = isa<qk::ThreadIdOp>(op) ? thread : isa<qk::NumThreadsOp>(op) ? threads : Value();
      if (auto dim = dyn_cast<qk::DimOp>(op))
        value = dims[dim.getName()];
      if (!value)
        return;
      op->replaceAllUsesWith(ValueRange{value});
      op->erase();
    });
    function.setFunctionType(FunctionType::get(module.getContext(), entry.getArgumentTypes(), {}));
    function.setPublic();
    function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(module.getContext()));
  }
}

static LogicalResult lower(ModuleOp module) {
  PassManager pm(module.getContext());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

CompiledKernels::CompiledKernels(unsigned lanes, function_ref<void(KernelLibrary &)> build) : impl(std::make_unique<Impl>()) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registry.insert<qk::QkDialect, qnt::QntDialect>();
  impl->context.appendDialectRegistry(registry);
  impl->context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&impl->context));
  TargetVersion version;
  version.vectorBits = lanes * 32;
  version.numVectorRegisters = lanes == 16 ? 32 : 16;
  setTargetFacts(*module, version, lanes);
  KernelLibrary library(*module);
  build(library);
  passCallAsArguments(*module);
  if (failed(verify(*module)) || failed(lower(*module)))
    llvm::report_fatal_error("a kernel does not lower to LLVM");
  auto builder = llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost());
  builder.getFeatures() = llvm::SubtargetFeatures();             // not the host's: what such a target has at least
  builder.setCPU(lanes == 16 ? "skylake-avx512" : "haswell");
  builder.setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  impl->machine = llvm::cantFail(builder.createTargetMachine());
  auto optimize = makeOptimizingTransformer(3, 0, impl->machine.get());
  ExecutionEngineOptions options;
  options.transformer = optimize;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Aggressive;
  options.enableObjectDump = getenv("QCC_DUMP_KERNELS") != nullptr;
  impl->engine = llvm::cantFail(ExecutionEngine::create(*module, options, llvm::cantFail(builder.createTargetMachine())));
  if (const char *path = getenv("QCC_DUMP_KERNELS")) {
    (void)impl->engine->lookup("none");
    impl->engine->dumpToObjectFile(path);
  }
}

void CompiledKernels::runThread(StringRef name, const Call &call, int64_t threads, int64_t thread, const std::vector<Buffer> &arguments) const {
  std::vector<std::vector<int64_t>> descriptors;                    // pointer, pointer, offset, sizes, strides
  for (const Buffer &buffer : arguments) {
    int64_t at = int64_t(reinterpret_cast<uintptr_t>(buffer.data)), stride = 1;
    std::vector<int64_t> d = {at, at, 0}, strides(buffer.sizes.size());
    d.insert(d.end(), buffer.sizes.begin(), buffer.sizes.end());
    for (size_t i = buffer.sizes.size(); i-- > 0; stride *= buffer.sizes[i])
      strides[i] = stride;
    d.insert(d.end(), strides.begin(), strides.end());
    descriptors.push_back(d);
  }
  std::vector<void *> values;
  for (auto &d : descriptors)
    values.push_back(d.data());
  int64_t numbers[] = {thread, threads, call.batch, call.seq, call.past};
  SmallVector<void *> packed;
  for (void *&value : values)
    packed.push_back(&value);
  for (int64_t &number : numbers)
    packed.push_back(&number);
  llvm::cantFail(impl->engine->invokePacked(("_mlir_ciface_" + name).str(), packed));
}

void CompiledKernels::run(StringRef name, const Call &call, int64_t threads, const std::vector<Buffer> &arguments) const {
  for (int64_t thread = threads; thread-- > 0;)
    runThread(name, call, threads, thread, arguments);
}
