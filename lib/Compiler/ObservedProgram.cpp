// Calibration runs on the compiler's own code: the ordinary pipeline with float weights, and qcc_observe.
#include "lib/Compiler/ObservedProgram.h"
#include "lib/Compiler/BuildReport.h"
#include "lib/Compiler/MachineMemory.h"
#include "lib/Compiler/OutputFiles.h"
#include "lib/Compiler/PassRunner.h"
#include "lib/Compiler/Phases.h"
#include "lib/Compiler/RoleValues.h"
#include "lib/Compiler/SizeFunctions.h"
#include "lib/Compiler/WeightPlan.h"
#include "qcc/Compiler/Pipelines.h"
#include "qcc/Kernel/RowClasses.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "qcc/Runtime/WeightsFile.h"
#include "qcc/Target/Target.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include <unistd.h>
using namespace mlir;
using namespace qcc;

/// What a float program for this machine is compiled with: at any -O the same, as what it tells is kept, and it runs longer than it compiles.
static CompilerOptions floatOptions(const CompilerOptions &options) {
  CompilerOptions o;
  o.weightBits = o.activationBits = o.headBits = 32;
  o.multiversion = false;
  o.jobs = options.jobs;
  o.quiet = options.quiet;
  o.verbose = options.verbose;
  return o;
}

ObservedProgram::ObservedProgram(OwningOpRef<ModuleOp> graph, const SourceFiles &sources, const CompilerOptions &options)
    : module(std::move(graph)), sources(sources), options(floatOptions(options)) {}

ObservedProgram::~ObservedProgram() {
  if (model)
    library.close(model);
  if (library.handle)
    model_library_unload(&library);
  if (weightsFile >= 0)
    ::close(weightsFile);
}

int ObservedProgram::describeInputs() {
  auto main = module->lookupSymbol<func::FuncOp>("main");
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    auto role = main.getArgAttrOfType<StringAttr>(i, "qnt.role"), name = main.getArgAttrOfType<StringAttr>(i, "qnt.name");
    auto type = cast<RankedTensorType>(main.getArgument(i).getType());
    if (!role || !valueOfRole(role, 0, 0) || type.getRank() != 2 || !type.getElementType().isInteger())
      return complain(ExitUnsupported, "calibration cannot provide the input '" + (name ? name.getValue() : StringRef("?")) + "': only tokens, segments, positions and masks can be made from text");
    inputs.push_back({role.str(), int32_t(type.getElementType().getIntOrFloatBitWidth())});
  }
  if (llvm::none_of(inputs, [](const Input &input) { return input.role == "tokens"; }))
    return complain(ExitUnsupported, "calibration needs a model that reads tokens");
  return ExitSuccess;
}

int ObservedProgram::open(PassRunner &runner, Phases &phases) {
  if (scratch.error)
    return complain(ExitResource, "cannot create a temporary folder: " + scratch.error.message());
  phases.begin("compiling the float program");
  auto target = findTarget(allTargets(), "host", "", "", false);
  if (!target)
    return complain(ExitUnsupported, "calibration runs on this machine: " + llvm::toString(target.takeError()));
  const Target &family = *targetOf(allTargets(), *target);
  if (failed(runner.run(*module, [&](OpPassManager &pm) { addObservationStage(pm, options, *target); })))
    return ExitUnsupported;
  if (int code = describeInputs())
    return code;
  std::string weights = scratch.path("float.weights"), shared = scratch.path("float.so");
  OutputFiles none;
  LibraryFiles files{weights, weights, shared, shared, "float.so", none};
  WrittenWeights written;
  auto keep = [&](StringRef stage, const TargetVersion &, ModuleOp program) {
    if (stage == "kernel")
      lowered = program.clone();
  };
  if (int code = buildLibrary({*module, sources, options, *target, family, runner, phases, nullptr, nullptr, keep}, scratch, files, written))
    return code;
  for (auto decl : module->getOps<qnt::WeightDeclOp>())
    if (auto layout = decl.getLayout(); layout && layout->getKind() == qnt::WeightLayout::Panels) {
      declAt[*decl.getOffset()] = decl;
      declsOf[decl.getSource()].push_back(decl);
    }
  char error[512];
  if (int code = model_library_load(&library, files.library.c_str(), error, sizeof error))
    return complain(code, error);
  qcc_options how = {};
  how.size = sizeof how;
  how.weights = files.weights.c_str();
  how.threads = int(options.jobs);
  if (library.open(&how, &model))
    return complain(ExitInternal, "the float program does not open: " + Twine(library.error(model)));
  if (std::error_code code = llvm::sys::fs::openFileForWrite(files.weights, weightsFile, llvm::sys::fs::CD_OpenExisting))
    return complain(ExitResource, "cannot write '" + files.weights + "': " + code.message());
  return ExitSuccess;
}

/// A run that memory cannot hold would not fail, since it is given page by page: the system would kill the process.
int ObservedProgram::checkMemory(int64_t batch, int64_t length) const {
  auto needed = [&](int64_t windows) {
    auto rowClass = llvm::find_if(rowClasses, [&](const RowClass &one) { return windows * length <= one.max; });
    return evaluateSize(*lowered, (rowClass->name + ".frame").str(), {{"batch", windows}, {"seq", length}, {"past", 0}, {"total", length}, {"keep", 1}, {"context", length}}).value_or(0);
  };
  int64_t all = needed(batch), memory = machineMemory();
  if (all <= memory)
    return ExitSuccess;
  int64_t fit = 0, tooMany = batch;                    // the most windows that fit
  while (tooMany - fit > 1)
    (needed((fit + tooMany) / 2) <= memory ? fit : tooMany) = (fit + tooMany) / 2;
  return complain(ExitResource, "calibration holds what all of " + Twine(batch) + " windows of " + Twine(length) + " tokens make at once, " + bytesText(double(all)) + ", and there are " +
                                    bytesText(double(memory)) + " of memory: " + (fit ? Twine(fit) + " windows fit (--calib-samples)" : Twine("no window fits (--calib-length)")) + " [resource-limit]");
}

int ObservedProgram::run(ArrayRef<int64_t> tokens, int64_t batch, int64_t length, InputObserver observer) {
  if (int code = checkMemory(batch, length))
    return code;
  std::vector<std::vector<uint8_t>> data;
  std::vector<DLTensor> tensors;
  int64_t shape[2] = {batch, length};
  for (const Input &input : inputs) {
    auto &bytes = data.emplace_back(size_t(batch * length * input.bits / 8));
    for (int64_t i = 0; i < batch * length; ++i) {
      int64_t value = *valueOfRole(input.role, i % length, tokens[i]);
      memcpy(bytes.data() + i * input.bits / 8, &value, input.bits / 8); // little endian, as all hosts are
    }
    DLTensor &tensor = tensors.emplace_back();         // zeros: dense
    tensor.data = bytes.data();
    tensor.device.device_type = decltype(tensor.device.device_type)(1);
    tensor.ndim = 2;
    tensor.dtype = {0, uint8_t(input.bits), 1};
    tensor.shape = shape;
  }
  struct Call {
    ObservedProgram &program;
    InputObserver observer;
  } call{*this, observer};
  auto show = [](void *user, int64_t weight, const float *values, int64_t rows, int64_t K) {
    auto &call = *static_cast<Call *>(user);
    Operation *decl = call.program.declAt.lookup(weight);
    if (decl && rows)                                // no rows: nothing reaches it
      call.observer(cast<qnt::WeightDeclOp>(decl).getSource(), values, rows, K);
  };
  library.observe(model, show, &call);
  qcc_status status = library.run(model, tensors.data(), int64_t(tensors.size()), nullptr, 0);
  library.observe(model, nullptr, nullptr);
  if (status)
    return complain(model_exit_code(status), "calibration: " + Twine(library.error(model)));
  return ExitSuccess;
}

int ObservedProgram::replaceWeight(ArrayAttr source, ArrayRef<float> values) {
  for (qnt::WeightDeclOp decl : declsOf.lookup(source))
    if (int code = write(decl, values))
      return code;
  return ExitSuccess;
}

int ObservedProgram::write(qnt::WeightDeclOp decl, ArrayRef<float> values) {
  auto type = cast<RankedTensorType>(decl.getType());
  FailureOr<WeightPacking> packing = packingOf(decl);
  if (failed(packing))
    return ExitInternal;
  qnt::QuantizedBuffer buffer;
  buffer.reset(type.getElementType(), 0, type.getDimSize(0), type.getDimSize(1));
  llvm::copy(values, buffer.values.begin());
  std::vector<uint8_t> packed(packing->bytes(type.getDimSize(0)));
  packing->pack(buffer.view, packed.data());
  // The program has mapped the file: it sees what is written there.
  for (size_t done = 0; done < packed.size();) {
    ssize_t n = pwrite(weightsFile, packed.data() + done, packed.size() - done, off_t(QCC_WEIGHTS_ALIGN + *decl.getOffset() + done));
    if (n <= 0)
      return complain(ExitResource, "cannot write weights of the float program: " + Twine(llvm::sys::StrError()));
    done += size_t(n);
  }
  return ExitSuccess;
}
