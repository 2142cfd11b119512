// Kernel and llvm stages per version, code generation in parallel, program description.
#include "lib/Compiler/Backend.h"
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
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>
using namespace mlir;
using namespace qcc;

//===-- what the program is -----------------------------------------------------------------------------------------------------===//

static int32_t roleCode(StringRef role) {
  return llvm::StringSwitch<int32_t>(role)
      .Case("tokens", QCC_ROLE_TOKENS)
      .Case("positions", QCC_ROLE_POSITIONS)
      .Case("mask", QCC_ROLE_MASK)
      .Case("logits", QCC_ROLE_LOGITS)
      .Case("past", QCC_ROLE_PAST)
      .Case("present", QCC_ROLE_PRESENT)
      .Default(QCC_ROLE_NONE);
}

static FailureOr<ProgramPort> describePort(func::FuncOp main, DictionaryAttr attrs, Type type, llvm::ArrayRef<ProgramDim> dims, const Twine &what) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return main.emitOpError() << what << " is no tensor of known rank, but " << type;
  ProgramPort port;
  auto name = attrs ? attrs.getAs<StringAttr>("qnt.name") : StringAttr();
  port.name = name ? name.str() : what.str();
  if (auto role = attrs ? attrs.getAs<StringAttr>("qnt.role") : StringAttr())
    port.role = roleCode(role);
  Type element = tensor.getElementType();
  port.bits = element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth();
  port.code = element.isBF16() ? QCC_DTYPE_BFLOAT : isa<FloatType>(element) ? QCC_DTYPE_FLOAT : element.isInteger(1) ? QCC_DTYPE_BOOL
              : attrs && attrs.contains("qnt.unsigned") ? QCC_DTYPE_UINT : QCC_DTYPE_INT;
  auto names = attrs ? attrs.getAs<ArrayAttr>("qnt.dims") : ArrayAttr();
  for (auto [i, extent] : llvm::enumerate(tensor.getShape())) {
    if (!ShapedType::isDynamic(extent)) {
      port.shape.push_back(extent);
      continue;
    }
    StringRef dim = names && i < names.size() ? cast<StringAttr>(names[i]).getValue() : StringRef();
    auto at = llvm::find_if(dims, [&](const ProgramDim &one) { return one.name == dim; });
    if (at == dims.end())
      return main.emitOpError() << what << " '" << port.name << "' has an extent '" << dim << "' that is none of the program's dimensions";
    port.shape.push_back(-1 - (at - dims.begin()));
  }
  return port;
}

FailureOr<ProgramDescription> qcc::describeProgram(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return module.emitError("has no function @main to compile");
  ProgramDescription program;
  auto fixed = module->getAttrOfType<DictionaryAttr>("qnt.fixed_dims");
  if (auto dims = module->getAttrOfType<ArrayAttr>("qnt.dims"))
    for (auto dim : dims.getAsRange<StringAttr>()) {
      auto extent = fixed ? fixed.getAs<IntegerAttr>(dim.getValue()) : IntegerAttr();
      program.dims.push_back({dim.str(), extent ? extent.getInt() : 0, ""});
    }
  auto extentOf = [&](Attribute name) {
    int64_t number = 0;
    if (cast<StringAttr>(name).getValue().getAsInteger(10, number))
      number = -1 - (llvm::find_if(program.dims, [&](const ProgramDim &one) { return one.name == cast<StringAttr>(name).getValue(); }) - program.dims.begin());
    return number;
  };
  if (auto pairs = module->getAttrOfType<ArrayAttr>("qnt.equal_dims"))
    for (auto pair : pairs.getAsRange<ArrayAttr>())
      program.equalDims.push_back({extentOf(pair[0]), extentOf(pair[1]), cast<StringAttr>(pair[2]).str()});
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    if (isa<qnt::CacheType>(main.getArgument(i).getType())) {
      program.hasState = true;
      continue;
    }
    auto port = describePort(main, main.getArgAttrDict(i), main.getArgument(i).getType(), program.dims, "input " + Twine(i));
    if (failed(port))
      return failure();
    program.inputs.push_back(*port);
  }
  for (unsigned i = 0; i < main.getNumResults(); ++i) {
    auto port = describePort(main, main.getResultAttrDict(i), main.getResultTypes()[i], program.dims, "output " + Twine(i));
    if (failed(port))
      return failure();
    program.outputs.push_back(*port);
  }
  auto number = [&](StringRef name) {
    auto attr = module->getAttrOfType<IntegerAttr>(name);
    return attr ? attr.getInt() : 0;
  };
  // What bounds a sequence: the capacity of the state, or the rows of rotary tables.
  bool bounded = program.hasState;
  module.walk([&](qnt::RotaryOp) { bounded = true; });
  program.maxContext = bounded ? number("qnt.max_context") : 0;
  program.vocabulary = number("qnt.vocabulary");
  llvm::DenseSet<Attribute> read;
  module.walk([&](qnt::WeightOp weight) {
    if (!llvm::all_of(weight->getUsers(), llvm::IsaPred<qnt::GatherOp>))
      read.insert(weight.getDeclAttr().getAttr());
  });
  for (auto decl : module.getOps<qnt::WeightDeclOp>())
    // A token reads every weight but the embedding table, of which it reads a row.
    if (auto layout = decl.getLayout(); layout && read.contains(decl.getSymNameAttr()))
      program.decodeBytes += layout->getBytes();
  return program;
}

/// What DescribeRegions left on the module. Rows whose factors are not all dimensions of the program cannot be counted at run time.
static ProgramRegion describeRegion(DictionaryAttr attrs, llvm::ArrayRef<ProgramDim> dims) {
  ProgramRegion region;
  region.kernels = attrs.getAs<StringAttr>("kernels").str();
  region.nodes = attrs.getAs<StringAttr>("nodes").str();
  region.weightBytes = attrs.getAs<IntegerAttr>("weight_bytes").getInt();
  auto macs = attrs.getAs<IntegerAttr>("macs");
  if (!macs)
    return region;
  region.macs = macs.getInt();
  for (auto factor : attrs.getAs<ArrayAttr>("rows").getAsRange<StringAttr>()) {
    auto at = llvm::find_if(dims, [&](const ProgramDim &dim) { return dim.name == factor.getValue(); });
    int64_t extent = 0;
    if (at == dims.end() && factor.getValue().getAsInteger(10, extent))
      region.macs = 0;
    region.rows.push_back(at == dims.end() ? extent : -1 - (at - dims.begin()));
  }
  return region;
}

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
      program.stateBytes = prefix + "state_bytes.of";  // the same in every version: caches are laid out by the floor
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
  optimize(*module, **machine, options.optLevel);
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
