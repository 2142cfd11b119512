// Kernel -> LLVM -> object -> LLVM's linker in memory. The object is the one that an artifact would contain.
#include "CompiledMatmul.h"
#include "dialects/Kernel/Kernel.h"
#include "qcc/Target/Emit.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Transforms/Utils/Cloning.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::test;

struct CompiledMatmul::Impl {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::vector<kernel::MatmulSpec> specs;
  std::vector<void *> entries;
};
CompiledMatmul::CompiledMatmul() : impl(std::make_unique<Impl>()) {}
CompiledMatmul::CompiledMatmul(CompiledMatmul &&) = default;
CompiledMatmul::~CompiledMatmul() = default;

LogicalResult test::lowerToLlvm(ModuleOp module, const Target &target, const TargetVersion &version) {
  if (failed(lowerHooks(module, target, version)))
    return failure();
  PassManager pm(module.getContext());
  pm.addPass(arith::createArithExpandOpsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

llvm::Expected<SmallVector<char, 0>> test::emitKernels(ArrayRef<NamedKernel> kernels, const Target &target, const TargetInfo &info, const TargetVersion &version,
                                                       std::string *assembly, const TargetVersion *machineVersion) {
  const TargetVersion &emitted = machineVersion ? *machineVersion : version;
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<qk::QkDialect, qnt::QntDialect>();
  target.registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  std::vector<std::string> names;
  for (const NamedKernel &kernel : kernels) {
    auto func = kernel::buildMatmul(builder, loc, kernel.name, kernel.spec, version);
    func.setPublic();
    func->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), builder.getUnitAttr());
    names.push_back("_mlir_ciface_" + kernel.name);
  }
  if (failed(lowerToLlvm(*module, target, emitted)))
    return llvm::createStringError("the kernel does not lower to LLVM");

  llvm::LLVMContext llvmContext;
  auto machine = createTargetMachine(info, emitted, 3);
  if (!machine)
    return machine.takeError();
  auto llvmModule = translateToLlvmIr(*module, llvmContext, **machine, emitted, names);
  if (!llvmModule)
    return llvmModule.takeError();
  for (const NamedKernel &kernel : kernels)            // else optimized twice, the second time in its wrapper
    (*llvmModule)->getFunction(kernel.name)->addFnAttr(llvm::Attribute::NoInline);
  optimize(**llvmModule, **machine);
  if (assembly) {
    auto copy = llvm::CloneModule(**llvmModule);
    SmallVector<char, 0> text;
    llvm::raw_svector_ostream stream(text);
    if (llvm::Error error = emitAssembly(*copy, **machine, stream))
      return std::move(error);
    assembly->assign(text.begin(), text.end());
  }
  SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  if (llvm::Error error = emitObject(**llvmModule, **machine, stream))
    return std::move(error);
  return object;
}

llvm::Expected<CompiledMatmul> CompiledMatmul::compile(ArrayRef<kernel::MatmulSpec> specs, const Target &target, const TargetInfo &info,
                                                       const TargetVersion &version, std::string *assembly, const TargetVersion *machineVersion) {
  std::vector<NamedKernel> kernels;
  for (const kernel::MatmulSpec &spec : specs)
    kernels.push_back({spec.name(), spec});
  auto object = emitKernels(kernels, target, info, version, assembly, machineVersion);
  if (!object)
    return object.takeError();
  CompiledMatmul result;
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  result.impl->jit = std::move(*jit);
  result.impl->specs = specs.vec();
  if (llvm::Error error = result.impl->jit->addObjectFile(std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(*object))))
    return std::move(error);
  for (const NamedKernel &kernel : kernels) {
    auto symbol = result.impl->jit->lookup("_mlir_ciface_" + kernel.name);
    if (!symbol)
      return symbol.takeError();
    result.impl->entries.push_back(symbol->toPtr<void *>());
  }
  return std::move(result);
}

// A memref<?xT> as the C interface passes it.
namespace {
struct Buffer {
  const void *allocated, *aligned;
  int64_t offset, size, stride;
  explicit Buffer(const void *data) : allocated(data), aligned(data), offset(0), size(INT64_MAX), stride(1) {}
};
} // namespace

void CompiledMatmul::run(size_t which, const MatmulCall &c) const {
  const kernel::MatmulSpec &spec = impl->specs[which];
  Buffer weights(c.weights), input(c.input), scales(c.scales), sums(c.sums), output(c.output), bias(c.bias), addend(c.addend);
  SmallVector<uintptr_t, 20> a;
  auto pointer = [&](const Buffer &buffer) { a.push_back(reinterpret_cast<uintptr_t>(&buffer)); };
  auto number = [&](int64_t value) { a.push_back(uintptr_t(value)); };
  pointer(weights), number(c.weightOffset), pointer(input), number(c.inputStride);
  if (spec.intActivations)
    pointer(scales), number(c.scaleStride), pointer(sums), number(c.sumStride);
  pointer(output), number(c.outputStride), number(c.m), number(c.n), number(c.k), number(c.panelBegin), number(c.panelEnd);
  if (spec.streams())
    number(c.prefetch);
  if (spec.bias)
    pointer(bias);
  if (spec.addend)
    pointer(addend), number(c.addendStride);
  a.resize(20);                                      // more arguments than the function takes do no harm in the C calling convention
  using Entry = void (*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                         uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);
  reinterpret_cast<Entry>(impl->entries[which])(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14], a[15], a[16], a[17],
                                                a[18], a[19]);
}

bool test::canRun(const TargetVersion &version) {
  auto host = getX86Target().host();
  return host && (host->versions.front().runtimeFeatures & version.runtimeFeatures) == version.runtimeFeatures;
}
