// Kernel and llvm stages per version, code generation in parallel, program description.
#include "lib/Compiler/Backend.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Kernel/Pipeline.h"
#include "qcc/Kernel/RowClasses.h"
#include "qcc/Target/Emit.h"
#include "qcc/Target/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
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
              : element.isUnsignedInteger() ? QCC_DTYPE_UINT : QCC_DTYPE_INT;
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
  for (auto decl : module.getOps<qnt::WeightDeclOp>())
    // A token reads every weight but the embedding table, of which it reads a row.
    if (auto layout = decl.getLayout(); layout && layout->getAs<StringAttr>("kind") != "rows")
      program.decodeBytes += layout->getAs<IntegerAttr>("bytes").getInt();
  return program;
}

//===-- lowering ----------------------------------------------------------------------------------------------------------------===//

std::string qcc::versionPrefix(const TargetVersion &version) { return "qcc." + version.name + "."; }

OwningOpRef<ModuleOp> qcc::runKernelStage(ModuleOp module, const CompilerOptions &options, const TargetInfo &target, const TargetVersion &version) {
  OwningOpRef<ModuleOp> clone = module.clone();
  setTargetFacts(*clone, version, target.panelLanes);
  PassManager pm(module.getContext());
  if (failed(applyPassManagerCLOptions(pm)))
    return {};
  addKernelStage(pm, options);
  if (failed(pm.run(*clone)))
    return {};
  for (auto decl : llvm::make_early_inc_range(clone->getOps<qnt::WeightDeclOp>()))
    decl.erase();                                      // programs know offsets now
  return clone;
}

LogicalResult qcc::runLlvmStage(ModuleOp module, const CompilerOptions &options, const Target &family, const TargetVersion &version) {
  if (failed(lowerHooks(module, family, version)))
    return failure();
  PassManager pm(module.getContext());
  if (failed(applyPassManagerCLOptions(pm)))
    return failure();
  addLlvmStage(pm, options, versionPrefix(version));
  return pm.run(module);
}

FailureOr<std::vector<CompiledVersion>> qcc::lowerVersions(ModuleOp module, const CompilerOptions &options, const TargetInfo &target, const Target &family,
                                                           ProgramDescription &program) {
  std::vector<CompiledVersion> compiled;
  for (const TargetVersion &version : target.versions) {
    OwningOpRef<ModuleOp> lowered = runKernelStage(module, options, target, version);
    if (!lowered || failed(runLlvmStage(*lowered, options, family, version)))
      return failure();
    std::string prefix = versionPrefix(version);
    auto exists = [&](const Twine &name) { return lowered->lookupSymbol(prefix + name.str()) != nullptr; };
    ProgramVariant variant{version.name, version.runtimeFeatures, {}};
    for (const RowClass &rows : rowClasses)
      if (exists(rows.name))
        variant.entries.push_back({rows.name.str(), rows.min, rows.max, prefix + rows.name.str(), prefix + rows.name.str() + ".frame.of"});
    for (auto [i, dim] : llvm::enumerate(program.dims))
      if (exists("dim." + Twine(i) + ".of"))
        dim.value = prefix + "dim." + std::to_string(i) + ".of";
    if (exists("state_bytes.of"))
      program.stateBytes = prefix + "state_bytes.of";  // the same in every version: caches are laid out by the floor
    program.variants.push_back(std::move(variant));
    compiled.push_back({&version, std::move(lowered)});
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

static llvm::Error generateOne(CompiledVersion &compiled, const CompilerOptions &options, const TargetInfo &target, CodeKind kind, llvm::StringRef path,
                               std::mutex &translating) {
  auto machine = createTargetMachine(target, *compiled.version, options.optLevel);
  if (!machine)
    return machine.takeError();
  std::vector<std::string> exported;
  mlir::ModuleOp lowered = compiled.module.get();
  for (auto function : lowered.getOps<LLVM::LLVMFuncOp>())
    if (function.getName().starts_with(versionPrefix(*compiled.version)))
      exported.push_back(function.getName().str());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  {
    std::lock_guard<std::mutex> lock(translating);     // translation registers interfaces with the MLIR context
    auto translated = translateToLlvmIr(lowered, context, **machine, exported);
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
    return kind == CodeKind::Assembly ? emitAssembly(*module, **machine, out) : emitObject(*module, **machine, out);
  });
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
  auto machine = createTargetMachine(target, target.versions.back(), 3);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = buildProgramTable(program, context, **machine);
  return writeChecked(path, [&](llvm::raw_pwrite_stream &out) { return emitObject(*module, **machine, out); });
}
