// Steps, launches and kernels of a device.
#include "lib/Compiler/DeviceBackend.h"
#include "lib/Compiler/PassRunner.h"
#include "qcc/Compiler/Pipelines.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
using namespace mlir;
using namespace qcc;

OwningOpRef<ModuleOp> qcc::takeSizes(ModuleOp program) {
  OwningOpRef<ModuleOp> sizes = program.clone();
  for (auto function : llvm::make_early_inc_range(sizes->getOps<func::FuncOp>()))
    if (!function->hasAttr("qk.size"))
      function.erase();
  return sizes;
}

/// Programs are lists of calls with constants (OutlineSteps).
static void collectLaunches(ModuleOp module, DeviceProgram &program) {
  llvm::StringMap<int64_t> indices;
  for (auto step : module.getOps<func::FuncOp>())
    if (step->hasAttr("qk.step")) {
      indices[step.getSymName()] = program.kernels.size();
      program.kernels.push_back({step.getSymName().str(), 0, 0, int64_t(step.getNumArguments())});
    }
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr("qk.rows"))
      continue;
    std::vector<ProgramLaunch> &launches = program.launches[function.getSymName().str()];
    for (auto call : function.getOps<func::CallOp>()) {
      ProgramLaunch launch{indices.lookup(call.getCallee()), {}};
      for (Value operand : call.getOperands())
        launch.params.push_back(*getConstantIntValue(operand));
      launches.push_back(std::move(launch));
    }
  }
}

LogicalResult qcc::runDeviceStage(ModuleOp module, PassRunner &runner, const Target &family, const TargetVersion &version, DeviceProgram &program) {
  if (failed(runner.run(module, addStepStage)))
    return failure();
  collectLaunches(module, program);
  if (failed(lowerHooks(module, family, version)) || failed(runner.run(module, [&](OpPassManager &pm) { family.addStepLowering(pm); })))
    return failure();
  for (ProgramKernel &kernel : program.kernels) {
    auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(kernel.name);
    kernel.threads = function->getAttrOfType<IntegerAttr>("qk.block").getInt();
    kernel.scratchBytes = function->getAttrOfType<IntegerAttr>("qk.scratch_bytes").getInt();
    kernel.waits = function->hasAttr("qk.waits");
    if (auto shares = function->getAttrOfType<IntegerAttr>("qk.shares"))
      kernel.shares = shares.getInt();
    if (auto cluster = function->getAttrOfType<IntegerAttr>("qk.cluster"))
      kernel.cluster = cluster.getInt();
  }
  return success();
}
