// Kernel and llvm stages per version, code generation in parallel.
#include "lib/Compiler/Backend.h"
#include "lib/Compiler/DescribeProgram.h"
#include "lib/Compiler/DeviceBackend.h"
#include "lib/Compiler/InternalErrors.h"
#include "lib/Compiler/PassRunner.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Kernel/Pipeline.h"
#include "qcc/Kernel/RowClasses.h"
#include "qcc/Target/Emit.h"
#include "qcc/Target/Passes.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>
using namespace mlir;
using namespace qcc;

//===-- lowering ----------------------------------------------------------------------------------------------------------------===//

std::string qcc::versionPrefix(const TargetVersion &version) { return "qcc." + version.name + "."; }

OwningOpRef<ModuleOp> qcc::runKernelStage(ModuleOp module, PassRunner &runner, const CompilerOptions &options, const TargetInfo &target, const TargetVersion &version) {
  OwningOpRef<ModuleOp> clone = module.clone();
  setTargetFacts(*clone, version, target.panelLanes);
  if (failed(runner.run(*clone, [&](OpPassManager &pm) { addKernelStage(pm, options); })))
    return {};
  for (auto decl : llvm::make_early_inc_range(clone->getOps<qnt::WeightDeclOp>()))
    decl.erase();                                      // programs know offsets now
  return clone;
}

LogicalResult qcc::runLlvmStage(ModuleOp module, PassRunner &runner, const CompilerOptions &options, const Target &family, const TargetVersion &version) {
  if (version.device.capability) {
    DeviceProgram program;
    return runDeviceStage(module, runner, family, version, program);
  }
  if (failed(lowerHooks(module, family, version)))
    return failure();
  return runner.run(module, [&](OpPassManager &pm) { addLlvmStage(pm, options, versionPrefix(version)); });
}

FailureOr<std::vector<CompiledVersion>> qcc::lowerVersions(ModuleOp module, PassRunner &runner, const CompilerOptions &options, const TargetInfo &target, const Target &family,
                                                           ProgramDescription &program, llvm::function_ref<void(StringRef, const TargetVersion &, ModuleOp)> after) {
  std::vector<CompiledVersion> compiled;
  for (const TargetVersion &version : target.versions) {
    OwningOpRef<ModuleOp> lowered = runKernelStage(module, runner, options, target, version);
    if (!lowered)
      return failure();
    after("kernel", version, *lowered);
    OwningOpRef<ModuleOp> host;
    DeviceProgram device;
    ProgramVariant variant{version.name, version.runtimeFeatures, {}, {}};
    if (target.isDevice()) {
      host = takeSizes(*lowered);
      if (failed(runDeviceStage(*lowered, runner, family, version, device)) ||
          failed(runner.run(*host, [&](OpPassManager &pm) { addLlvmStage(pm, options, versionPrefix(version)); })))
        return failure();
      variant.device = ProgramDevice{"", version.device.capability, version.device.exact, version.device.driver, device.kernels};
    } else if (failed(runLlvmStage(*lowered, runner, options, family, version))) {
      return failure();
    }
    after("llvm", version, *lowered);
    std::string prefix = versionPrefix(version);
    ModuleOp symbols = host ? *host : *lowered;
    auto exists = [&](const Twine &name) { return symbols.lookupSymbol(prefix + name.str()) != nullptr; };
    if (auto regions = (*lowered)->getAttrOfType<ArrayAttr>("qk.regions"); regions && !target.isDevice())
      for (auto region : regions.getAsRange<DictionaryAttr>())
        variant.regions.push_back(describeRegion(region, program.dims));
    for (const RowClass &rows : rowClasses)
      if (auto listed = device.launches.find(rows.name.str()); listed != device.launches.end())
        variant.entries.push_back({rows.name.str(), rows.min, rows.max, "", prefix + rows.name.str() + ".frame.of", listed->second});
      else if (exists(rows.name))
        variant.entries.push_back({rows.name.str(), rows.min, rows.max, prefix + rows.name.str(), prefix + rows.name.str() + ".frame.of"});
    for (auto [i, dim] : llvm::enumerate(program.dims))
      if (exists("dim." + Twine(i) + ".of"))
        dim.value = prefix + "dim." + std::to_string(i) + ".of";
    if (exists("state_bytes.of"))
      program.stateBytes = prefix + "state_bytes.of";  // the same in every version, however it lays caches out
    program.variants.push_back(std::move(variant));
    compiled.push_back({&version, std::move(lowered), std::move(host)});
  }
  return compiled;
}

//===-- code --------------------------------------------------------------------------------------------------------------------===//

/// A whole file; a full disk is an error, not an abort.
static llvm::Error writeChecked(llvm::StringRef path, llvm::function_ref<llvm::Error(llvm::raw_pwrite_stream &)> body) {
  std::error_code code;
  llvm::raw_fd_ostream out(path, code);
  llvm::Error error = llvm::Error::success();
  if (!code) {
    error = body(out);
    out.close();
    code = out.error();
    out.clear_error();
  }
  if (!code)
    return error;
  llvm::consumeError(std::move(error));
  return llvm::createStringError(code, "cannot write '" + path + "': " + code.message());
}

std::string qcc::imagePath(llvm::StringRef objectPath) {
  llvm::SmallString<128> path(objectPath);
  llvm::sys::path::replace_extension(path, ".image");
  return path.str().str();
}

/// The machine that `target`, a device, belongs to.
static TargetInfo hostOf(const TargetInfo &target) {
  TargetVersion version;
  version.name = "host";
  version.cpu = target.hostCpu;
  return TargetInfo{target.name, target.hostTriple, "", target.panelLanes, {version}};
}

/// Code of `lowered`, for `version` of `target`. Functions that start with `prefix`, and kernels of a device, are found by others.
static llvm::Error generateModule(mlir::ModuleOp lowered, const CompilerOptions &options, const TargetInfo &target, const TargetVersion &version, llvm::StringRef prefix,
                                  CodeKind kind, llvm::StringRef path, bool terminate, std::mutex &translating) {
  auto machine = createTargetMachine(target, version, options.optLevel);
  if (!machine)
    return machine.takeError();
  std::vector<std::string> exported;
  for (auto function : lowered.getOps<LLVM::LLVMFuncOp>())
    if (function.getName().starts_with(prefix) || function->hasAttr("qk.block"))
      exported.push_back(function.getName().str());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  {
    std::lock_guard<std::mutex> lock(translating);     // translation registers interfaces with the MLIR context
    auto translated = translateToLlvmIr(lowered, context, **machine, version, exported);
    if (!translated)
      return translated.takeError();
    module = std::move(*translated);
  }
  optimize(*module, **machine);
  return writeChecked(path, [&](llvm::raw_pwrite_stream &out) -> llvm::Error {
    if (kind == CodeKind::LlvmIr) {
      module->print(out, nullptr);
      return llvm::Error::success();
    }
    llvm::Error error = kind == CodeKind::Assembly ? emitAssembly(*module, **machine, out) : emitObject(*module, **machine, out);
    if (!error && terminate)
      out << '\0';
    return error;
  });
}

static llvm::Error generateOne(CompiledVersion &compiled, const CompilerOptions &options, const TargetInfo &target, CodeKind kind, llvm::StringRef path,
                               std::mutex &translating) {
  useSignalStack();
  std::string prefix = versionPrefix(*compiled.version);
  if (kind != CodeKind::Object || !target.isDevice())
    return generateModule(*compiled.module, options, target, *compiled.version, prefix, kind, path, /*terminate=*/false, translating);
  TargetInfo host = hostOf(target);
  if (llvm::Error error = generateModule(*compiled.module, options, target, *compiled.version, prefix, CodeKind::Assembly, imagePath(path), /*terminate=*/true, translating))
    return error;
  return generateModule(*compiled.host, options, host, host.versions.back(), prefix, kind, path, /*terminate=*/false, translating);
}

llvm::Error qcc::generateCode(llvm::MutableArrayRef<CompiledVersion> versions, const CompilerOptions &options, const TargetInfo &target, CodeKind kind,
                              llvm::ArrayRef<std::string> paths) {
  std::mutex translating, collecting;
  llvm::Error errors = llvm::Error::success();
  llvm::DefaultThreadPool pool(options.jobs ? llvm::hardware_concurrency(options.jobs) : llvm::hardware_concurrency());
  for (auto [compiled, path] : llvm::zip_equal(versions, paths))
    pool.async([&, &compiled = compiled, &path = path] {
      llvm::Error error = generateOne(compiled, options, target, kind, path, translating);
      std::lock_guard<std::mutex> lock(collecting);
      errors = llvm::joinErrors(std::move(errors), std::move(error));
    });
  pool.wait();
  return errors;
}

llvm::Error qcc::generateTable(const ProgramDescription &program, const TargetInfo &target, llvm::StringRef path) {
  TargetInfo host = target.isDevice() ? hostOf(target) : target;
  auto machine = createTargetMachine(host, host.versions.back(), 3);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = buildProgramTable(program, context, **machine);
  return writeChecked(path, [&](llvm::raw_pwrite_stream &out) { return emitObject(*module, **machine, out); });
}
